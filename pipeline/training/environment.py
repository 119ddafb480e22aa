"""Versions and hardware, as they are written into every record."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ray
import timm
import torch

from pipeline.spec.records import Environment


@cache
def code_version() -> str:
    """The package's version and a hash of the sources that decide numbers."""
    try:
        package = version("ablate")
    except PackageNotFoundError:  # a job's working directory has the sources but no installed package
        package = "source"
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{package}+{digest.hexdigest()[:10]}"


@cache
def processor_name() -> str:
    """The CPU's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux: the platform module has a coarser name
    return platform.processor() or platform.machine()


def environment(device: torch.device) -> Environment:
    """Of this process."""
    return Environment(
        code_version=code_version(),
        python=platform.python_version(),
        torch=torch.__version__,
        ray=ray.__version__,
        timm=timm.__version__,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
        threads_per_worker=torch.get_num_threads(),
    )
