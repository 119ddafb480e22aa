"""Each arm's confidence against what came true."""

import numpy as np

from pipeline.spec.base import derive_seed
from reports.records.load import RunId, StudyData
from reports.records.predictions import Answers
from reports.results.in_depth import ArmCalibration, CalibrationAnalysis, ReliabilityBin, TemperatureChange
from reports.results.ranges import Range
from reports.stats.calibration import NUM_BINS, by_confidence, equal_mass_bins, equal_width_bins, null_level
from reports.stats.reliability import reliability

NULL_DRAWS = 200
"""Data sets drawn for the null level of an arm, spread over its seeds: its error is then about 2% of the level."""

POINTS = 100.0


def analyse_calibration(study: StudyData, answers: Answers) -> CalibrationAnalysis | None:
    """Every arm that left predictions; None where none did."""
    by_stage: dict[str, ArmCalibration | None] = {}
    arms: list[ArmCalibration] = []
    for arm in study.plan.arms:
        stage = arm.final.stage_hash
        if stage not in by_stage:
            by_stage[stage] = _calibration(study, answers, arm.name, stage)
        found = by_stage[stage]
        if found is not None:
            arms.append(found.model_copy(update={"arm": arm.name}))
    if not arms:
        return None
    return CalibrationAnalysis(
        num_bins=NUM_BINS,
        arms=tuple(arms),
        temperatures=_temperature_changes(study, {arm.arm: arm for arm in arms}),
        comparable=len({arm.num_images for arm in arms}) == 1,
    )


def _calibration(study: StudyData, answers: Answers, arm: str, stage: str) -> ArmCalibration | None:
    runs: list[RunId] = [(stage, seed) for seed in study.plan.seeds if (stage, seed) in answers.runs]
    sizes = {len(answers.runs[run].correct) for run in runs}
    if len(sizes) != 1 or sizes == {0}:  # ECE depends on how many images there are: unequal ones have no mean
        return None
    found = [answers.runs[run] for run in runs]
    stated = [by_confidence(run.confidence, run.correct) for run in found]
    width = [equal_width_bins(run) for run in stated]
    mass = [equal_mass_bins(run) for run in stated]
    repeats = -(-NULL_DRAWS // len(runs))
    nulls = [
        null_level(one, np.random.default_rng(derive_seed("ece null", *run)), repeats=repeats)
        for run, one in zip(runs, stated, strict=True)
    ]
    return ArmCalibration(
        arm=arm,
        num_seeds=len(runs),
        num_images=sizes.pop(),
        confidence=POINTS * float(np.mean([run.confidence.mean(dtype=np.float64) for run in found])),
        accuracy=POINTS * float(np.mean([run.correct.mean() for run in found])),
        ece=POINTS * float(np.mean([bins.ece for bins in width])),
        ece_null=POINTS * float(np.mean([null.equal_width for null in nulls])),
        ece_mass=POINTS * float(np.mean([bins.ece for bins in mass])),
        ece_mass_null=POINTS * float(np.mean([null.equal_mass for null in nulls])),
        debiased_squared_l2=float(np.mean([bins.debiased_squared_l2 for bins in mass])),
        nll=_mean_metric(study, runs, "val/nll"),
        brier=_mean_metric(study, runs, "val/brier"),
        temperature=_mean_metric(study, runs, "final/temperature"),
        bins=tuple(
            ReliabilityBin(
                confidence=min(1.0, point.confidence),
                accuracy=point.accuracy,
                ci95=Range(low=point.interval95.low, high=point.interval95.high),
                count=point.count,
            )
            for point in reliability(mass)
        ),
    )


def _mean_metric(study: StudyData, runs: list[RunId], name: str) -> float | None:
    """Mean over runs; None where one of them does not have it."""
    values = [study.records[run].metrics.get(name) for run in runs]
    return None if None in values else float(np.mean([value for value in values if value is not None]))


def _temperature_changes(study: StudyData, arms: dict[str, ArmCalibration]) -> tuple[TemperatureChange, ...]:
    """Comparisons of which only the treatment has a fitted temperature."""
    changes: list[TemperatureChange] = []
    for comparison in study.plan.comparisons:
        before, after = arms.get(comparison.reference), arms.get(comparison.treatment)
        if before is None or after is None or before.temperature is not None or after.temperature is None:
            continue
        changes.append(
            TemperatureChange(
                factor=comparison.factor,
                context=comparison.context,
                before=before.arm,
                after=after.arm,
                temperature=after.temperature,
                ece_before=before.ece,
                ece_after=after.ece,
            )
        )
    return tuple(changes)
