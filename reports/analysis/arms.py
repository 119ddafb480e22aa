"""Each arm on its own: level, spread and cost. Levels are not compared here; differences are (effects.py)."""

from collections.abc import Iterable

import numpy as np

from pipeline.spec.study import Arm
from reports.analysis.cost import (
    busy_s_with_ancestors,
    latest_timings,
    network_size,
    samples_with_ancestors,
    step_ratio,
)
from reports.analysis.estimates import score_matrix
from reports.records.load import StudyData
from reports.results.study import ArmSummary, Pairing, Spread
from reports.scale import Scale, scale_of
from reports.stats.paired import seed_correlation


def bare_arm(study: StudyData) -> Arm | None:
    """The arm with no factor switched on; None in a design that leaves it out."""
    return next((arm for arm in study.plan.arms if not arm.factors), None)


def summarise_arms(study: StudyData) -> tuple[ArmSummary, ...]:
    """One summary per arm, in the order of the plan."""
    bare = bare_arm(study)
    return tuple(_summarise(study, arm, bare) for arm in study.plan.arms)


def pairing(study: StudyData, stages: Iterable[str], scale: Scale) -> Pairing | None:
    """Whether arms that share a seed moved together enough for pairing to pay."""
    matrix = score_matrix(study, list(dict.fromkeys(stages)), scale)
    matrix = matrix[np.isfinite(matrix).all(axis=1)]
    found = seed_correlation(matrix) if matrix.size else None
    if found is None:
        return None
    if found.helped:
        text = f"pairing by seed helped: arms correlate {found.value:.2f} over seeds, above"
    else:
        text = f"pairing by seed cost more than it gave: arms correlate {found.value:.2f} over seeds, below"
    sentence = f"{text} the break-even of {found.break_even:.2f} for {matrix.shape[1]} seeds (a rough estimate)"
    return Pairing(correlation=found.value, break_even=found.break_even, helped=found.helped, sentence=sentence)


def _summarise(study: StudyData, arm: Arm, bare: Arm | None) -> ArmSummary:
    stage = arm.final.stage_hash
    seeds = [seed for seed in study.plan.seeds_of(arm) if study.finished((stage, seed))]
    records = [study.records[stage, seed] for seed in seeds]
    names = sorted({name for record in records for name in record.metrics})
    timings = latest_timings(study, stage)
    memory = [timing.peak_memory_mb for timing in timings if timing.peak_memory_mb is not None]
    return ArmSummary(
        name=arm.name,
        factors=arm.factors,
        stage_hash=stage,
        n=len(seeds),
        metrics={name: _spread([r.metrics[name] for r in records if name in r.metrics], name) for name in names},
        samples_seen=_mean(record.cost.samples_seen for record in records if record.cost is not None),
        samples_with_ancestors=_mean(_known(samples_with_ancestors(study, arm, seed) for seed in seeds)),
        busy_s=_mean(record.cost.busy_s for record in records if record.cost is not None),
        busy_s_with_ancestors=_mean(_known(busy_s_with_ancestors(study, arm, seed) for seed in seeds)),
        step_ms=_mean(timing.step_ms for timing in timings),
        step_ratio=None if bare is None else step_ratio(study, stage, bare.final.stage_hash),
        peak_memory_mb=max(memory, default=None),
        network=network_size(study, stage, seeds),
    )


def _spread(values: list[float], name: str) -> Spread:
    factor = scale_of(name.rsplit("/", 1)[-1]).factor
    shown = factor * np.array(values)
    sd = float(np.std(shown, ddof=1)) if len(values) > 1 else None
    return Spread(mean=float(np.mean(shown)), sd=sd, n=len(values))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else None
