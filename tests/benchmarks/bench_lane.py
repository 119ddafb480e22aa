"""Training speed inside a lane, beside a bare PyTorch loop that crops in process.

Run: python -m tests.benchmarks.bench_lane --photos FOLDER [--lanes 1] [--epochs 2] [--repeats 3]
One lane of two threads beside one script of two threads; with --lanes 2, two lanes of one thread beside two scripts of
one thread that run at the same time. Same network, batches, precision and size; images trained on in a second of
training, waits for data included, evaluation left out. Studies and scripts take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import ray

from ablations.grid.spec import parse_grid
from ablations.planning.plan import build_plan
from ablations.records.home import Home
from ablations.records.store import read_records
from ablations.running.cluster import connect
from ablations.running.runner import precision_of_hardware, run_study
from tests.benchmarks.photos import add_photos, photos_of

CORES = 2
SIZE_PX = 96
SCRIPT = Path(__file__).with_name("plain_script.py")


def lane_rates(photos: Path, cache: Path, lanes: int, epochs: int, precision: str) -> tuple[list[float], list[float]]:
    """Images per second of each run of a study, and the share of its time that it waited for data."""
    grid = parse_grid(
        {
            "study": "lane-speed",
            "base": {
                "data": {"kind": "image_folder", "path": str(photos), "image_size_px": SIZE_PX},
                "model": {"kind": "timm", "name": "resnet10t"},
                "optimizer": {"kind": "sgd"},
                "budget": {"epochs": epochs, "batch_size": 64},
                "precision": precision,
            },
            "noise_floor": False,
            "factors": {"other": {"strategies": [{"kind": "placebo"}]}},
            "design": {"kind": "add_one_in"},
            "seeds": 1,
            "resources": {"lanes": lanes, "timing_rounds": 0},
        },
        "bench",
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder).resolve())
        home.cache.symlink_to(cache)
        run_study(build_plan(grid, precision_of_hardware), home, grid.resources)
        costs = [record.cost for record in read_records(home).values() if record.cost]
    return [c.samples_seen / (c.busy_s - c.eval_s) for c in costs], [c.data_wait_s / c.busy_s for c in costs]


def script_rates(photos: Path, scripts: int, epochs: int, precision: str) -> list[float]:
    """Images per second of each of some scripts that run at the same time."""
    command = [sys.executable, str(SCRIPT), str(photos), "--epochs", str(epochs), "--size", str(SIZE_PX)]
    command += ["--data", "memory", "--threads", str(CORES // scripts), "--precision", precision]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(scripts)]
    found = [json.loads(process.communicate()[0]) for process in running]
    return [result["images"] / result["train_s"] for result in found]


def main() -> None:
    """Print both, interleaved."""
    parser = argparse.ArgumentParser()
    add_photos(parser)
    parser.add_argument("--lanes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    args = parser.parse_args()
    photos = photos_of(args)
    ratios = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(args.repeats):
            connect()
            ours, waits = lane_rates(photos, Path(cache), args.lanes, args.epochs, args.precision)
            ray.shutdown()  # nothing of ours may run beside the scripts
            theirs = script_rates(photos, args.lanes, args.epochs, args.precision)
            mine, other = statistics.mean(ours), statistics.mean(theirs)
            print(f"lane {mine:.1f} img/s (waited {statistics.mean(waits):.2%} of its time), script {other:.1f} img/s")
            ratios.append(mine / other)
    print(f"{args.lanes} at a time, {args.precision}: {statistics.median(ratios):.3f}x "
          f"({min(ratios):.3f} to {max(ratios):.3f}), n = {len(ratios)}")  # fmt: skip


if __name__ == "__main__":
    main()
