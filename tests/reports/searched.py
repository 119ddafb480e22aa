"""A search as its plan and records say it went, made by hand: scores follow from the values."""

from pathlib import Path
from typing import Any

from pipeline.spec.base import content_hash
from pipeline.spec.records import Cost, Failure, RunRecord, Status
from pipeline.spec.study import Arm, Comparison, DataSummary, Metric, PlannedStage, StudyPlan
from pipeline.spec.tuning import (
    TUNED,
    AnyRange,
    AnyScheduler,
    Choice,
    LogUniform,
    NoScheduler,
    RandomSearch,
    Trial,
    TrialRun,
    Tuning,
)
from reports.records.load import HomeFiles, StudyData
from tests.reports.fixtures import ENVIRONMENT

SEED, SEEDS = 1_000_003, (0, 1, 2)
SPACE: dict[str, AnyRange] = {
    "optimizer.lr": LogUniform(low=0.001, high=1.0),
    "schedule": Choice(values=({"kind": "constant"}, {"kind": "cosine"})),
}


def arm(name: str, factors: tuple[str, ...], values: dict[str, Any], seeds: tuple[int, ...] | None = None) -> Arm:
    spec = {"data": {"kind": "digits"}, "model": {"kind": "small_cnn"}, "budget": {"epochs": 9}, "values": values}
    stage = PlannedStage(name="main", stage_hash=content_hash([name, spec]), spec=spec)
    return Arm(name=name, factors=factors, stages=(stage,), recipe={"optimizer": values}, seeds=seeds)


def record(of: Arm, seed: int, top1: float | None, seconds: float = 10.0) -> RunRecord:
    failure = Failure(type="Diverged", message="loss is nan", step=3) if top1 is None else None
    return RunRecord(
        stage_hash=of.final.stage_hash,
        seed=seed,
        stage="main",
        status=Status.FINISHED if failure is None else Status.FAILED,
        metrics={} if top1 is None else {"val/top1": top1, "val/nll": 1 - top1},
        cost=Cost(samples_seen=9, busy_s=seconds, data_wait_s=0, eval_s=0, num_parameters=9, num_workers=1),
        environment=ENVIRONMENT,
        data_fingerprint="f",
        finished_at="2026-11-24T00:00:00Z",
        failure=failure,
    )


def searched(
    folder: Path,
    values: list[dict[str, Any]],
    scores: list[float | None],
    *,
    seconds: list[float] | None = None,
    fresh: tuple[float, ...] = (),
    bare: tuple[float, ...] = (),
    metric: str = "top1",
    scheduler: AnyScheduler | None = None,
    runs: list[tuple[int, ...]] | None = None,
    two_objectives: bool = False,
    space: dict[str, AnyRange] = SPACE,
) -> StudyData:
    """A search of as many trials as values.

    Args:
        folder: where run files would be.
        values: of each trial.
        scores: of each trial's longest run; None: it diverged.
        seconds: of each trial's longest run.
        fresh: of the winner, for each fresh seed; empty: not planned yet.
        bare: of the base, for the same seeds.
        metric: that decides.
        scheduler: of the search.
        runs: epochs of each trial's runs; default: one of 9.
        two_objectives: whether training time is one too.
        space: that was searched.
    """
    trials, arms, records = [], [arm("bare", (), {})], []
    for number, (value, score) in enumerate(zip(values, scores, strict=True)):
        own = []
        for epochs in runs[number] if runs else (9,):
            name = f"trial-{number}" if epochs == 9 else f"trial-{number}@{epochs}"
            arms.append(arm(name, (f"trial-{number}",), value | {"epochs": epochs}, (SEED,)))
            own.append(TrialRun(epochs=epochs, arm=name))
            records.append(record(arms[-1], SEED, score, seconds[number] if seconds else 10.0))
        trials.append(Trial(number=number, values=value, runs=tuple(own)))
    comparisons: tuple[Comparison, ...] = ()
    if fresh:
        arms.append(arm(TUNED, (TUNED,), {"chosen": True}))
        comparisons = (Comparison(factor=TUNED, context="added to bare", treatment=TUNED, reference="bare"),)
        records += [record(arms[-1], seed, score) for seed, score in zip(SEEDS, fresh, strict=True)]
        records += [record(arms[0], seed, score) for seed, score in zip(SEEDS, bare, strict=True)]
    plan = StudyPlan(
        study="search",
        question="Which rate?",
        metric=Metric(name=metric),
        seeds=SEEDS,
        design="tune",
        arms=tuple(arms),
        comparisons=comparisons,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"train": 9, "val": 9}),
        tuning=Tuning(
            space=space,
            search=RandomSearch(),
            scheduler=scheduler or NoScheduler(),
            epochs=9,
            seconds=two_objectives,
            trial_seed=SEED,
            trials=tuple(trials),
            budget_text=f"{len(values)} trials",
        ),
    )
    return StudyData(plan, {(one.stage_hash, one.seed): one for one in records}, [], HomeFiles(folder))
