"""What every test shares: one thread, a clean environment, and one small Ray for the tests that need it.

This file runs before any test module is imported, so the environment below is in place when Ray and torch start.
"""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

RAY_NUM_CPUS = 2
# Workers that Ray starts inherit these. One thread: the cores are shared by the driver and all workers.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    # Ray 2.60 turns token authentication on for a new cluster and writes ~/.ray/auth_token; a token of our own
    # tests the same mode and leaves the home directory alone.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.05",  # the controller polls at this rate; 2 s by default
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default, without its warning
    "GIT_PYTHON_REFRESH": "quiet",  # MLflow's GitPython, on a machine without git
}
# What a developer may have set and a test must not read.
UNSET = ("ABLATE_HOME", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "RAY_ADDRESS")

os.environ.update(ENVIRONMENT)
for _name in UNSET:
    os.environ.pop(_name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip GPU tests without a GPU, and order the rest so that never two Rays run at once."""
    gpu_items = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_items and not _has_gpu():
        for item in gpu_items:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
    items.sort(key=_rank)  # stable: within a rank the order stays as collected


def _rank(item: pytest.Item) -> int:
    """First the tests without Ray, then those that start their own, last those that share one until the end."""
    marker = item.get_closest_marker("ray")
    if marker is None:
        return 0
    return 1 if marker.kwargs.get("own_cluster", False) else 2


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def _away_from_the_developers_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that sets a variable without monkeypatch cannot reach the next one."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray with two CPUs for the whole session. Tests that use it are marked `ray`."""
    import ray

    # Unix socket paths end at 107 characters, so Ray's folder must be near the root.
    temp_dir = Path(tempfile.mkdtemp(prefix="abl-", dir="/tmp"))
    ray.init(
        address="local",
        num_cpus=RAY_NUM_CPUS,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=512 * 1024**2,
        logging_level=logging.ERROR,
        log_to_driver=False,
        _temp_dir=str(temp_dir),
    )
    try:
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(temp_dir, ignore_errors=True)


@pytest.fixture(autouse=True)
def _shared_ray(request: pytest.FixtureRequest) -> None:
    """Tests marked `ray` find it running, except those that bring their own: `ray(own_cluster=True)`."""
    if _rank(request.node) == 2:
        request.getfixturevalue("ray_session")
