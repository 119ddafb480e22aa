"""Screening by successive halving: which rungs, who survives, and what the plan then says."""

from collections.abc import Mapping
from typing import Any

import pytest

from ablations.designs import Halving
from ablations.designs.halving import Rung
from ablations.grid.spec import GridSpec
from ablations.planning.screen import Screened, screen, screen_lines
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.records import Cost, Environment, Failure, RunRecord, Status
from reports.records.load import StudyData
from tests.ablations.grids import COSINE, MIXUP, SMOOTHING, grid, plan_of

ENVIRONMENT = Environment(
    code_version="1", python="3.11", torch="2", ray="2", timm="1", device="cpu", threads_per_worker=1
)
COST = Cost(samples_seen=1, busy_s=1, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1)
EMA = {"strategies": [{"kind": "ema"}]}
FLIP = {"strategies": [{"kind": "vertical_flip"}]}
LR = {"levels": {"low": {"optimizer.lr": 0.01}, "high": {"optimizer.lr": 0.5}}}
SIX = {"mixup": MIXUP, "smoothing": SMOOTHING, "cosine": COSINE, "ema": EMA, "lr": LR}
HALVING = {"kind": "halving", "first_epochs": 1, "survivors": 2}
BARE = 0.80


class NoFiles:
    def read(self, run: Any, name: str) -> None:
        return None


class Trainer:
    """Gives every arm of a rung a made-up score, and remembers the rungs."""

    def __init__(self, gains_pt: Mapping[str, float | None]) -> None:
        self.gains_pt = gains_pt
        self.grids: list[GridSpec] = []

    def __call__(self, rung: GridSpec) -> StudyData:
        self.grids.append(rung)
        plan = plan_of(rung).plan
        records = {}
        for arm in plan.arms:
            gains = [self.gains_pt[switch] for switch in arm.factors]
            failed = None in gains
            score = BARE + sum(gain or 0.0 for gain in gains) / 100
            records[arm.final.stage_hash, rung.seeds[0]] = RunRecord(
                stage_hash=arm.final.stage_hash, seed=rung.seeds[0], stage="main",
                status=Status.FAILED if failed else Status.FINISHED, metrics={} if failed else {"val/top1": score},
                cost=COST, environment=ENVIRONMENT, data_fingerprint="x", finished_at="2026-01-01T00:00:00Z",
                failure=Failure(type="Diverged", message="nan") if failed else None,
            )  # fmt: skip
        return StudyData(plan, records, [], NoFiles())


@pytest.mark.parametrize(
    ("fields", "num_factors", "epochs", "expected"),
    [
        ({"first_epochs": 2, "survivors": 1}, 27, 90, [(27, 2, 9), (9, 6, 3), (3, 18, 1)]),
        ({"first_epochs": 2, "survivors": 4}, 10, 90, [(10, 2, 4)]),
        ({"first_epochs": 2, "survivors": 3}, 10, 5, [(10, 2, 4), (4, 5, 3)]),
        ({"first_epochs": 1, "survivors": 2, "eta": 2}, 8, 90, [(8, 1, 4), (4, 2, 2)]),
        ({"first_epochs": 1, "survivors": 4}, 4, 90, []),
    ],
)
def test_rungs_are_those_of_the_paper_and_end_at_the_survivors(
    fields: dict, num_factors: int, epochs: int, expected: list[tuple[int, int, int]]
) -> None:
    assert Halving(**fields).rungs(num_factors, epochs) == tuple(Rung(*each) for each in expected)


def test_the_better_factors_go_on_to_longer_runs_and_the_survivors_to_fresh_seeds() -> None:
    spec = grid({"budget": {"epochs": 2, "batch_size": 20}}, factors=SIX, design=HALVING, seeds=3)
    gains = {"mixup": 1.0, "smoothing": -2.0, "cosine": 3.0, "ema": 0.5, "lr=low": 0.0, "lr=high": 2.0}
    train = Trainer(gains)
    found = screen(spec, train)
    assert [rung.experiment(()).budget.epochs for rung in train.grids] == [1]
    assert [rung.seeds for rung in train.grids] == [(1_000_003,)]
    assert [rung.study for rung in train.grids] == ["tricks-screen-1"]
    assert not train.grids[0].controls and train.grids[0].resources.timing_rounds == 0
    (first,) = found.rounds
    assert first.gains == pytest.approx(gains)
    assert first.kept == ("cosine", "lr=high")
    assert found.grid.seeds == spec.seeds and found.grid.study == spec.study
    assert found.grid.design.kind == "both_ways"
    assert found.grid.levels() == {"cosine": ("cosine",), "lr": ("lr=high",)}
    planned = found.written_into(plan_of(found.grid))
    assert planned.plan.screen == found.rounds
    assert "not judged: mixup, smoothing, ema, lr=low" in planned.plan.design_notes[-1]
    assert {run.seed for run in planned.runs} == {0, 1, 2}


def test_each_rung_trains_longer_and_never_longer_than_the_study() -> None:
    spec = grid(
        {"budget": {"epochs": 4, "batch_size": 20}},
        factors=SIX | {"flip": FLIP},
        design=HALVING | {"first_epochs": 2, "eta": 2, "survivors": 1},
    )
    train = Trainer({"mixup": 1, "smoothing": 2, "cosine": 3, "ema": 4, "lr=low": 5, "lr=high": 6, "flip": 7})
    found = screen(spec, train)
    assert [rung.experiment(()).budget.epochs for rung in train.grids] == [2, 4, 4]
    assert [len(each.gains) for each in found.rounds] == [7, 4, 2]
    assert found.rounds[-1].kept == ("flip",)


def test_where_lower_is_better_the_lower_score_survives() -> None:
    spec = grid(factors=SIX, design=HALVING | {"survivors": 1}, metric={"name": "nll", "delta": 0.01})

    def train(rung: GridSpec) -> StudyData:
        study = Trainer({"mixup": -9, "smoothing": 2, "cosine": 3, "ema": 4, "lr=low": 5, "lr=high": 6})(rung)
        renamed = {
            run: record.model_copy(update={"metrics": {"val/nll": record.metrics["val/top1"]}})
            for run, record in study.records.items()
        }
        return StudyData(study.plan, renamed, [], NoFiles())

    assert screen(spec, train).rounds[-1].kept == ("mixup",)


def test_a_factor_whose_run_failed_goes_last_and_is_shown_without_a_score() -> None:
    gains: dict[str, float | None] = {
        "mixup": None,
        "smoothing": -9,
        "cosine": 3,
        "ema": -8,
        "lr=low": -7,
        "lr=high": 2,
    }
    (first,) = screen(grid(factors=SIX, design=HALVING), Trainer(gains)).rounds
    assert first.gains["mixup"] is None and first.kept == ("cosine", "lr=high")
    with pytest.raises(RecordError, match="no factor has a score to choose by"):
        screen(grid(factors=SIX, design=HALVING), Trainer(dict.fromkeys(gains)))


def test_a_grid_without_a_screen_is_left_alone() -> None:
    spec = grid(factors=SIX)
    assert screen(spec, Trainer({})) == Screened(spec)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": [0, 5], "design": HALVING | {"seed": 5}}, r"design\.seed=5 is among seeds \[0, 5\]"),
        ({"design": HALVING | {"survivors": 6}}, r"6 factors and design\.survivors=6: nothing is left to screen"),
    ],
)
def test_a_screen_that_could_not_be_honest_or_useful_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        screen(grid(factors=SIX, **fields), Trainer({}))


@pytest.mark.parametrize(("epochs", "first", "says"), [(2, 2, True), (2, 1, False), (1, 1, True)])
def test_a_round_as_long_as_the_study_is_said_to_save_nothing(epochs: int, first: int, says: bool) -> None:
    spec = grid({"budget": {"epochs": epochs, "batch_size": 20}}, factors=SIX, design=HALVING | {"first_epochs": first})
    (line,) = [line.strip() for line in screen_lines(spec) if "saves no time" in line] or [""]
    expected = (
        f"round 1 of the screen saves no time: all {epochs} epochs of the study; lower design.first_epochs, which is "
        f"{first}"
    )
    assert line == (expected if says else "")
