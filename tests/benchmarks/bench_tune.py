"""What a trial costs beside its training: Ray Tune with trials that do nothing, and asking and telling by ourselves.

    python -m tests.benchmarks.bench_tune 20

Two trials at a time, on two CPUs. Tune's trials are class trainables with reused actors, then functions. Ours are asked
of Optuna's estimator, with the growing plan turned into JSON as for the recorder; lanes add the time between two runs
(bench_lane). Run it on a machine that does nothing else.
"""

import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from ablations.records.home import Home
from ablations.tuning.drive import Search
from tests.ablations.tuning.searches import finished, study_of


class Nothing(tune.Trainable):
    """A trial that ends at once."""

    def setup(self, config: dict[str, Any]) -> None:
        self.x = config["x"]

    def step(self) -> dict[str, Any]:
        return {"score": self.x, "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.x = new_config["x"]
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Tune asks for one at the end of every trial, and counts it as failed without."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        pass


def nothing(config: dict[str, Any]) -> None:
    tune.report({"score": config["x"]})


def by_tune(trainable: Any, reuse: bool, num_trials: int, folder: str) -> float:
    start = time.monotonic()
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 0.01}),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            num_samples=num_trials, max_concurrent_trials=2, reuse_actors=reuse, metric="score", mode="max"
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()
    return time.monotonic() - start


def by_ask_and_tell(num_trials: int, folder: str) -> float:
    study = study_of(budget={"trials": num_trials}, search={"kind": "tpe"})
    search = Search(study, Home(Path(folder) / "home"))
    start = time.monotonic()
    waiting = search.ask(2)
    while search.over is None:
        study.plan().model_dump_json()
        search.tell([finished(study, waiting.pop(0))])
        waiting += search.ask(2)
    return time.monotonic() - start


def main(num_trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{num_trials} trials, asked and told: {by_ask_and_tell(num_trials, folder):.1f} s")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        print(f"{num_trials} trials, Tune, reused actors: {by_tune(Nothing, True, num_trials, folder):.1f} s")
        print(f"{num_trials} trials, Tune, functions: {by_tune(nothing, False, num_trials, folder):.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]))
