"""How stages without labels went, epoch by epoch: their loss, and what their features say about validation images."""

import numpy as np

from reports.records.load import StudyData
from reports.results.learning import FeatureCurves, Run

SERIES = ("train/loss", "val/knn_top1", "val/feature_spread", "val/effective_rank")


def analyse_pretraining(study: StudyData) -> tuple[FeatureCurves, ...]:
    """Every distinct stage that left such curves, in the order of the plan."""
    plan = study.plan
    names = {stage.stage_hash: stage.name for arm in plan.arms for stage in arm.stages}
    found: list[FeatureCurves] = []
    for stage_hash, seeds in plan.seeds_by_stage().items():
        curves = {name: tuple(_runs(study, stage_hash, seeds, name)) for name in SERIES}
        if not curves["val/knn_top1"]:
            continue
        records = [(seed, study.records.get((stage_hash, seed))) for seed in seeds]
        arms = tuple(arm.name for arm in plan.arms if any(stage.stage_hash == stage_hash for stage in arm.stages))
        warnings = tuple(f"seed {seed}: {warning}" for seed, record in records if record for warning in record.warnings)
        found.append(FeatureCurves(names[stage_hash], stage_hash, arms, curves, warnings))
    return tuple(found)


def _runs(study: StudyData, stage_hash: str, seeds: tuple[int, ...], name: str) -> list[Run]:
    runs: list[Run] = []
    for seed in seeds:
        curves, record = study.curves((stage_hash, seed)), study.records.get((stage_hash, seed))
        values = () if curves is None else curves.series.get(name, ())
        if curves is None or not values or len(values) != len(curves.epoch):
            continue
        elapsed_s = curves.elapsed_s if len(curves.elapsed_s) == len(values) else [np.nan] * len(values)
        failed = record is not None and record.failure is not None
        runs.append(Run(seed, failed, np.array(curves.epoch), np.array(elapsed_s), np.array(values)))
    return runs
