"""Memory of a worker: its peak, and giving back what a stage no longer needs."""

import ctypes
import resource
from pathlib import Path

import torch

# glibc gives every thread but the first an arena that returns memory at once, and maps each large block anew: a third
# of a CPU training step went into page faults (docs/LOG.md). One arena that keeps its memory avoids that. It must be in
# the environment when a process starts.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=2147483647"
}


class PeakMemory:
    """Peak device memory in a block; on a CPU the growth of this process's resident set, if the kernel resets it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.megabytes: float | None = None
        self._before = 0.0

    def __enter__(self) -> "PeakMemory":
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            trim_heap()
            try:
                Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (proc(5))
                self._before = _peak_resident_mb()
            except OSError:
                self._before = float("nan")
        return self

    def __exit__(self, *_: object) -> None:
        if self._device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated(self._device) / 2**20
        else:
            grown = _peak_resident_mb() - self._before
            self.megabytes = grown if grown == grown else None


def _peak_resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Limit and use of this container's memory: control groups of version 2, then of version 1.
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_mb() -> float | None:
    """What this machine, or the container that this process is in, has left; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    for limit, used in _CGROUPS:
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return max(0, free) / 2**20


def trim_heap() -> None:
    """Give freed memory back to the system (glibc only; elsewhere nothing happens)."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except OSError:
        pass  # another C library: the figure is then a little low
