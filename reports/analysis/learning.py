"""Learning curves of every arm: each seed, their mean, and a pointwise t band from three seeds on.

The band is pointwise: it holds for one epoch chosen beforehand, not for the whole curve at once.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from reports.records.load import StudyData
from reports.results.learning import ArmCurves, Average, Run
from reports.scale import Scale

MIN_RUNS_FOR_BAND = 3


def analyse_learning(study: StudyData, scale: Scale) -> tuple[ArmCurves, ...]:
    """The arms that left curves of this metric, in the order of the plan."""
    found: list[ArmCurves] = []
    for arm in study.plan.arms:
        runs = _runs(study, arm.final.stage_hash, scale)
        if runs:
            found.append(ArmCurves(arm.name, runs, average(runs)))
    return tuple(found)


def average(runs: Sequence[Run]) -> Average | None:
    """Mean and band over the runs that finished; None where none did.

    Over the epochs that all of these reached: one that was stopped early must not bend the mean where it ends.
    """
    finished = [run for run in runs if not run.failed]
    if not finished:
        return None
    shortest = min(finished, key=lambda run: len(run.values))
    count, num_runs = len(shortest.values), len(finished)
    values = np.stack([run.values[:count] for run in finished])
    half_width = None
    if num_runs >= MIN_RUNS_FOR_BAND:
        quantile = float(special.stdtrit(num_runs - 1, 0.975))
        half_width = quantile * values.std(axis=0, ddof=1) / np.sqrt(num_runs)
    elapsed_s = np.stack([run.elapsed_s[:count] for run in finished]).mean(axis=0)
    return Average(shortest.epochs, elapsed_s, values.mean(axis=0), half_width, num_runs)


def _runs(study: StudyData, stage_hash: str, scale: Scale) -> tuple[Run, ...]:
    found: list[Run] = []
    for seed in study.plan.seeds:
        curves = study.curves((stage_hash, seed))
        values = () if curves is None else curves.series.get(f"val/{scale.name}", ())
        if curves is None or not values or len(values) != len(curves.epoch):
            continue
        record = study.records.get((stage_hash, seed))
        timed = len(curves.elapsed_s) == len(values)
        found.append(
            Run(
                seed=seed,
                failed=record is not None and record.failure is not None,
                epochs=np.array(curves.epoch),
                elapsed_s=np.array(curves.elapsed_s if timed else [np.nan] * len(values)),
                values=scale.factor * np.array(values),
            )
        )
    return tuple(found)
