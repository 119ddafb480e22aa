"""A small search as a person would write it, on data that exists by name only, and scores without training."""

import math
from pathlib import Path
from typing import Any

from ablations.records.home import Home
from ablations.running.stages import BUSY_S, Change, State
from ablations.tuning.drive import Search
from ablations.tuning.spec import TuneSpec, parse_tune
from ablations.tuning.study import TuningStudy
from pipeline.data.listing import Listing
from pipeline.spec.data import AnyData
from pipeline.spec.study import Arm, StudyPlan
from tests.ablations.grids import made_up_listing

RAW: dict[str, Any] = {
    "study": "search",
    "base": {
        "data": {"kind": "digits"},
        "model": {"kind": "small_cnn", "width": 4},
        "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9},
        "budget": {"epochs": 9, "batch_size": 20},
        "strategies": [{"kind": "mixup"}],
    },
    "space": {
        "optimizer.lr": {"kind": "log_uniform", "low": 0.001, "high": 1.0},
        "strategies.mixup.alpha": {"kind": "uniform", "low": 0.1, "high": 1.0},
        "schedule": {"kind": "choice", "values": [{"kind": "constant"}, {"kind": "cosine"}]},
    },
    "search": {"kind": "random"},
    "budget": {"trials": 8},
}


def spec_of(**changes: Any) -> TuneSpec:
    return parse_tune(RAW | changes, "tune.yaml")


def study_of(**changes: Any) -> TuningStudy:
    def scan(data: AnyData) -> Listing:
        return made_up_listing()

    return TuningStudy(spec_of(**changes), lambda precision: "fp32", scan_data=scan)


def score(arm: Arm) -> float:
    """Best at a rate of 0.05, better with more epochs."""
    spec = arm.final.spec
    return 1 / (1 + abs(math.log10(spec["optimizer"]["lr"]) + 1.3)) - 0.3 / spec["budget"]["epochs"]


def finished(study: TuningStudy, arm: Arm, top1: float | None = None) -> Change:
    metrics = {"val/top1": score(arm) if top1 is None else top1, BUSY_S: 30.0}
    return Change(study.key_of(arm.name), State.FINISHED, 0.0, "", metrics)


def failed(study: TuningStudy, arm: Arm) -> Change:
    return Change(study.key_of(arm.name), State.FAILED, 0.0, "Diverged")


def play(search: Search, at_once: int = 1, stop_after: int | None = None) -> list[str]:
    """Ask and tell without training, in the order asked. Returns the names of the trials' runs that were trained."""
    trained: list[str] = []
    waiting = search.waiting()
    while stop_after is None or len(trained) < stop_after:
        waiting += search.ask(at_once)
        if search.over is not None or not waiting:
            break
        arm = waiting.pop(0)
        trained.append(arm.name)
        search.tell([finished(search.study, arm)])
    return trained


def home_of(path: Path) -> Home:
    return Home(path / "home")


def read_back(plan: StudyPlan) -> StudyPlan:
    """As a later invocation finds it."""
    return StudyPlan.model_validate_json(plan.model_dump_json())
