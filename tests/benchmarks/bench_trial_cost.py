"""What one more small trial costs in a warm lane, beside a Ray Train run per trial.

Run: python -m tests.benchmarks.bench_trial_cost
The same study of one-epoch trials is run with 4 and with 16 seeds of two arms; the difference in wall time over the 24
trials more is the whole price of one (training included). Beside it: TorchTrainer.fit() of a loop that does nothing.
Both with one worker and with two.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from ablations.grid.spec import parse_grid
from ablations.planning.plan import build_plan
from ablations.records.home import Home
from ablations.records.store import read_records
from ablations.running.cluster import connect
from ablations.running.runner import run_study

GRID = {
    "study": "trial-cost",
    "base": {
        "data": {"kind": "digits", "num_train": 100},
        "model": {"kind": "small_cnn", "width": 4},
        "optimizer": {"kind": "sgd"},
        "budget": {"epochs": 1, "batch_size": 50, "num_shards": 2},
        "precision": "fp32",
    },
    "noise_floor": False,
    "factors": {"smoothing": {"strategies": [{"kind": "label_smoothing"}]}},
    "design": {"kind": "add_one_in"},
}
FEW, MANY = 4, 16
REPEATS = int(os.environ.get("REPEATS", "3"))


def study_s(num_seeds: int, workers: int) -> tuple[float, float]:
    """Wall seconds of the study, and the median seconds inside one trial's training."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder).resolve())
        resources = {"lanes": 1, "timing_rounds": 0, "workers_per_trial": workers}
        grid = parse_grid({**GRID, "seeds": num_seeds, "resources": resources}, "bench")
        start = time.perf_counter()
        run_study(build_plan(grid, lambda precision: precision), home, grid.resources)
        wall = time.perf_counter() - start
        busy = statistics.median(r.cost.busy_s for r in read_records(home).values() if r.cost)
    return wall, busy


def fit_s(workers: int) -> float:
    """Wall seconds of a Ray Train run that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        TorchTrainer(
            lambda config: None,
            train_loop_config={},
            scaling_config=ScalingConfig(num_workers=workers),
            run_config=RunConfig(storage_path=folder),
        ).fit()
        return time.perf_counter() - start


def main() -> None:
    """Print both, interleaved."""
    connect()
    for workers in (1, 2):
        study_s(1, workers)  # warm-up
        ours, theirs, inside = [], [], []
        for _ in range(REPEATS):
            few, _ = study_s(FEW, workers)
            many, busy = study_s(MANY, workers)
            ours.append((many - few) / (2 * (MANY - FEW)))
            inside.append(busy)
            theirs.append(fit_s(workers))
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        print(f"workers: {workers}")
        print(f"  one more trial in a warm lane {statistics.median(ours):.2f} s {[round(x, 2) for x in ours]}")
        print(f"    of it inside its training   {statistics.median(inside):.2f} s")
        print(f"  a Ray Train run per trial     {statistics.median(theirs):.2f} s {[round(x, 2) for x in theirs]}")
        print(f"  {statistics.median(ratios):.0f}x less ({min(ratios):.0f} to {max(ratios):.0f}), n = {REPEATS}")
    ray.shutdown()


if __name__ == "__main__":
    main()
