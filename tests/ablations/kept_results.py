"""A small made-up study, its records and the files of its runs, for tests of what is kept."""

from typing import Any

import numpy as np

from ablations.records import store
from ablations.records.home import Home
from pipeline.result import BatchPicture, StageResult
from pipeline.spec.base import content_hash
from pipeline.spec.pictures import BatchSheets
from pipeline.spec.records import Cost, Curves, Environment, Failure, RunRecord, Status, TimingRecord
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan

ENVIRONMENT = Environment(
    code_version="0.1.0", python="3.11", torch="2.9", ray="2.60", timm="1.0", device="cpu", threads_per_worker=1
)
FINISHED_AT = "2025-01-02T03:04:05.250000+00:00"


def planned_stage(name: str, label: str, spec: dict[str, Any] | None = None) -> PlannedStage:
    return PlannedStage(name=name, stage_hash=content_hash(label), spec={"label": label} if spec is None else spec)


TEACHER = planned_stage("teacher", "a big network")
BARE = planned_stage("main", "bare", {"optimizer": {"kind": "sgd", "lr": 0.1}, "strategies": []})
STUDENT = planned_stage(
    "main", "student", {"optimizer": {"kind": "sgd", "lr": 0.1}, "strategies": [{"kind": "distill", "temperature": 4}]}
)


def study_plan(study: str = "tricks", seeds: tuple[int, ...] = (0, 1)) -> StudyPlan:
    """Two arms answered for by one run, and a distilled one behind its teacher: three stages per seed."""

    def arm(name: str, *stages: PlannedStage) -> Arm:
        return Arm(name=name, factors=(), stages=stages, recipe={})

    return StudyPlan(
        study=study,
        question="Which tricks help?",
        metric=Metric(),
        seeds=seeds,
        design="one_factor",
        arms=(arm("bare", BARE), arm("distill", TEACHER, STUDENT), arm("bare-too", BARE)),
        comparisons=(),
        data=DataSummary(fingerprint="f" * 8, class_names=("cat", "dog"), num_samples={"train": 8, "val": 4}),
    )


def finished(stage: PlannedStage, seed: int, top1: float = 0.75, finished_at: str = FINISHED_AT) -> RunRecord:
    return RunRecord(
        stage_hash=stage.stage_hash,
        seed=seed,
        stage=stage.name,
        status=Status.FINISHED,
        metrics={"val/top1": top1, "train/loss": 0.5},
        cost=Cost(samples_seen=24, busy_s=12.5, data_wait_s=0.5, eval_s=1.0, num_parameters=10, num_workers=1),
        environment=ENVIRONMENT,
        data_fingerprint="f" * 8,
        finished_at=finished_at,
    )


def failed(stage: PlannedStage, seed: int, finished_at: str = "2025-01-01T00:00:00+00:00") -> RunRecord:
    return RunRecord(
        stage_hash=stage.stage_hash,
        seed=seed,
        stage=stage.name,
        status=Status.FAILED,
        environment=ENVIRONMENT,
        data_fingerprint="f" * 8,
        finished_at=finished_at,
        failure=Failure(type="Diverged", message="the loss is no number", step=7),
    )


def result(record: RunRecord, stage: PlannedStage) -> StageResult:
    if record.status is Status.FAILED:
        return StageResult(record, stage.spec, Curves(), {}, "step 7: loss nan\n")
    curves = Curves(
        epoch=(0, 1, 2),
        elapsed_s=(1.0, 2.0, 3.0),
        image_size_px=(32, 32, 32),
        series={"train/loss": (0.9, 0.7, 0.5), "train/distill": (0.4, 0.3, 0.2), "val/top1": (0.25, 0.5, 0.625)},
        lr_step=(0, 1, 2, 3),
        lr=(0.1, 0.075, 0.05, 0.025),
    )
    rng = np.random.default_rng(record.seed)
    predictions = {
        "val/id": np.array(["a/1.jpg", "ä/2.jpg"]),
        "val/label": np.array([0, 1]),
        "val/confidence": rng.random(2, dtype=np.float32),
    }
    sheets = BatchSheets(width_px=32, height_px=32, sheets=())
    heat = {"heat": rng.integers(0, 255, (2, 4, 4), dtype=np.uint8)}
    batches = BatchPicture(b"RIFF picture", sheets)
    return StageResult(record, stage.spec, curves, predictions, "epoch 0 … done\n", batches, heat)


def timing(stage: PlannedStage, round_index: int) -> TimingRecord:
    return TimingRecord(
        block="b1",
        round=round_index,
        stage_hash=stage.stage_hash,
        step_ms=12.0 + round_index,
        images_per_s=5000.0,
        peak_memory_mb=None,
        environment=ENVIRONMENT,
    )


def keep(home: Home, record: RunRecord, stage: PlannedStage) -> RunRecord:
    store.write_run(home, result(record, stage))
    store.append_record(home, record)
    return record


def keep_study(home: Home, plan: StudyPlan) -> None:
    """Everything but the last seed of the student, with one failed teacher."""
    store.write_plan(home, plan)
    for seed in plan.seeds:
        keep(home, finished(BARE, seed, top1=0.5 + 0.1 * seed), BARE)
        keep(home, failed(TEACHER, seed) if seed == 1 else finished(TEACHER, seed), TEACHER)
    keep(home, finished(STUDENT, plan.seeds[0]), STUDENT)
    store.append_timing(home, timing(BARE, 0))
    store.append_timing(home, timing(planned_stage("main", "of another study"), 0))
    home.report(plan.study).write_text("<p>größer</p>", encoding="utf-8")
