"""Seconds, CPU seconds and peak memory of the commands that read a home with thousands of finished runs.

Run: python -m tests.benchmarks.bench_state [--runs 1000 10000] [--only status report] [--keep FOLDER]
Each command is a process of its own, its imports included; memory is the largest resident size of that process. One
study of 100 stages and as many seeds as it takes; `sync` starts without a database, then is asked again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ablations.records.home import Home
from tests.benchmarks.many_records import NUM_STAGES, STUDY, write_grid, write_home

KIB_PER_MB = 1024
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Measured:
    """What one command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measured(arguments: list[str], home: Path) -> Measured:
    """Run one `ablate` command, which must succeed."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "ablations", *arguments, "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak_kib = 0
    while True:
        peak_kib = max(peak_kib, peak_kib_of(process.pid))  # not ru_maxrss: a child inherits its parent's
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(POLL_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return Measured(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak_kib / KIB_PER_MB)


def peak_kib_of(pid: int) -> int:
    """VmHWM of a process; 0 once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def commands(grid: Path) -> dict[str, list[str]]:
    """Name -> arguments."""
    return {
        "status": ["status", STUDY],
        "plan": ["plan", str(grid)],
        "run": ["run", str(grid)],
        "report": ["report", STUDY],
        "report --format json": ["report", STUDY, "--format", "json"],
        "clean --dry-run": ["clean", "--dry-run"],
        "sync": ["sync"],
        "sync again": ["sync"],
    }


def show(num_runs: int, folder: Path, only: list[str]) -> None:
    """Make a home of so many runs unless it is there, and print a line for each command."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder / f"home-{num_runs}")
    grid = write_grid(folder / f"grid-{num_runs}.yaml", num_runs // NUM_STAGES)
    if not home.records.is_file():
        start = time.perf_counter()
        write_home(home, grid)
        print(f"{num_runs:,} runs made up in {time.perf_counter() - start:.0f} s", flush=True)
    for name, arguments in commands(grid).items():
        if only and name not in only:
            continue
        took = measured(arguments, home.root)
        print(
            f"{num_runs:>7,} runs  {name:<22} {took.wall_s:7.1f} s  {took.cpu_s:7.1f} s of CPU  {took.peak_mb:6.0f} MB",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--keep", type=Path, help="use and leave the homes here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for num_runs in args.runs:
            show(num_runs, args.keep or Path(temporary), args.only)


if __name__ == "__main__":
    main()
