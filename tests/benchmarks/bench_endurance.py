"""Memory, open files and the object store while one lane trains hundreds of tiny stages: each must stay flat.

Run: python -m tests.benchmarks.bench_endurance [--trials 500] [--every 50]
A line for every so many finished runs, with the resident megabytes and the open files of the lane's worker, the driver,
the recorder and the queue, and the megabytes of shared memory in use; then how much each grew from a fifth of the
trials (what is imported and cached once is there by then) to the end. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

KINDS = {
    "worker": "ray::_RayTrainWorker",
    "recorder": "ray::_RecorderProcess",
    "queue": "ray::QueueActor",
    "driver": "ablations",
}
POLL_S = 0.2
PAGES_PER_MB = 2**20 / os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the processes of a run."""

    trials: int
    resident_mb: dict[str, float]
    open_files: dict[str, int]
    shared_mb: float


def write_grid(path: Path, num_trials: int) -> Path:
    """Two arms with half as many seeds each."""
    grid = {
        "study": "endurance",
        "question": "Does anything grow?",
        "base": {
            "data": {"kind": "digits", "num_train": 80},
            "model": {"kind": "small_cnn", "width": 4},
            "optimizer": {"kind": "sgd", "lr": 0.05},
            "budget": {"epochs": 1, "batch_size": 20},
            "precision": "fp32",
        },
        "factors": {"smoothing": {"strategies": [{"kind": "label_smoothing"}]}},
        "design": "add_one_in",
        "noise_floor": False,
        "seeds": num_trials // 2,
        "max_runs": num_trials,
        "resources": {"lanes": 1, "threads_per_worker": 1, "timing_rounds": 0},
    }
    path.write_text(yaml.safe_dump(grid, sort_keys=False))
    return path


def kind_of(entry: Path) -> str | None:
    """Which of KINDS a process is."""
    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return next((kind for kind, part in KINDS.items() if part in command), None)


def look(session: int, trials: int) -> Seen:
    """At all processes of the session; the largest of a kind counts."""
    resident: dict[str, float] = {}
    files: dict[str, int] = {}
    shared = 0.0
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.getsid(int(entry.name)) != session or not (kind := kind_of(entry)):
                continue
            _, pages, shared_pages, *_ = map(int, (entry / "statm").read_text().split())
            resident[kind] = max(resident.get(kind, 0.0), (pages - shared_pages) / PAGES_PER_MB)
            files[kind] = max(files.get(kind, 0), len(list((entry / "fd").iterdir())))
            if kind == "worker":
                shared = max(shared, shared_pages / PAGES_PER_MB)
        except OSError:
            continue  # it has ended
    return Seen(trials, resident, files, shared)


def num_records(home: Path) -> int:
    """Runs that are kept."""
    path = home / "records.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def watch(grid: Path, home: Path, every: int) -> list[Seen]:
    """Run the grid, and look whenever so many more runs are kept."""
    command = [sys.executable, "-m", "ablations", "run", str(grid), "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    seen: list[Seen] = []
    while process.poll() is None:
        trials = num_records(home)
        if trials >= (seen[-1].trials if seen else 0) + every:
            seen.append(look(process.pid, trials))
            show(seen[-1])
        time.sleep(POLL_S)
    assert process.returncode == 0, command
    return seen


def show(one: Seen) -> None:
    """A line of the curve."""
    parts = [f"{kind} {one.resident_mb.get(kind, 0):6.1f} MB {one.open_files.get(kind, 0):3d} files" for kind in KINDS]
    print(f"{one.trials:5d} trials  {'  '.join(parts)}  shared {one.shared_mb:6.1f} MB", flush=True)


def main() -> None:
    """Print the curve, and what grew."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--every", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        grid = write_grid(Path(folder) / "grid.yaml", args.trials)
        seen = watch(grid, Path(folder) / "home", args.every)
        print(f"{args.trials} trials in {time.perf_counter() - start:.0f} s")
    settled = next(one for one in seen if one.trials >= args.trials / 5)
    for kind in KINDS:
        grown = seen[-1].resident_mb[kind] - settled.resident_mb[kind]
        files = seen[-1].open_files[kind] - settled.open_files[kind]
        num = seen[-1].trials - settled.trials
        print(f"{kind}: {grown:+.1f} MB and {files:+d} open files in {num} trials")


if __name__ == "__main__":
    main()
