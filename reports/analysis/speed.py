"""How soon each arm reaches the target that the plan names, and what it does per second.

Epochs come from the validation curves. Seconds are epochs times what an epoch's steps take in the exclusive block:
the wall time of the lanes, which share the machine, carries no verdict.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.spec.records import TimingRecord
from pipeline.spec.study import Arm, Comparison
from reports.analysis.arms import bare_arm
from reports.analysis.cost import latest_timings, timing_blocks, widest_block
from reports.records.load import StudyData
from reports.results.effect import CostRatio
from reports.results.in_depth import ArmSpeed, SpeedAnalysis, SpeedRatio, Throughput
from reports.results.ranges import Range
from reports.scale import Scale, scale_of_metric
from reports.stats.cost import Ratio, paired_ratio
from reports.stats.estimate import Interval
from reports.stats.paired import paired_effect
from reports.stats.time_to import first_sustained_crossing, product_ratio, restricted_mean


@dataclass(frozen=True, slots=True)
class _Curve:
    """Gains after 1, 2, ... epochs of one run, and its training images an epoch where they are known."""

    gains: np.ndarray  # [num_epochs] the metric in display units, turned so that more is better
    epoch_images: float | None


def analyse_speed(study: StudyData) -> SpeedAnalysis:
    """Time to the target where the plan has one, throughput and memory where steps were timed."""
    target, scale = study.plan.metric.target, scale_of_metric(study.plan.metric)
    throughput = _throughput(study)
    if target is None:
        return SpeedAnalysis(target=None, not_assessed="the plan names no metric.target", throughput=throughput)
    curves = {arm.name: _curves(study, arm, scale) for arm in study.plan.arms}
    lengths = [max(len(curve.gains) for curve in found.values()) for found in curves.values() if found]
    if not lengths:
        reason = f"no run left a validation curve of {scale.title}"
        return SpeedAnalysis(target=target, not_assessed=reason, throughput=throughput)
    horizon = min(lengths)
    block = widest_block(study, (arm.final.stage_hash for arm in study.plan.arms))
    timed = {} if block is None else block[1]
    arms = {
        arm.name: _arm_speed(study, arm, curves[arm.name], scale.gain(target), horizon, timed)
        for arm in study.plan.arms
    }
    epoch_images = {name: _mean([curve.epoch_images for curve in found.values()]) for name, found in curves.items()}
    ratios = tuple(
        _ratio(study, comparison, arms, epoch_images) for comparison in study.plan.comparisons if not comparison.weights
    )
    return SpeedAnalysis(target=target, arms=tuple(arms.values()), ratios=ratios, throughput=throughput)


def _curves(study: StudyData, arm: Arm, scale: Scale) -> dict[int, _Curve]:
    """Seed -> curve of every finished run that left one."""
    found: dict[int, _Curve] = {}
    for seed in study.plan.seeds:
        run = (arm.final.stage_hash, seed)
        record = study.finished(run)
        curves = None if record is None else study.curves(run)
        values = () if curves is None else curves.series.get(f"val/{scale.name}", ())
        if record is not None and values:
            images = None if record.cost is None else record.cost.samples_seen / len(values)
            found[seed] = _Curve(np.array([scale.gain(scale.shown(value)) for value in values]), images)
    return found


def _arm_speed(
    study: StudyData,
    arm: Arm,
    curves: dict[int, _Curve],
    target: float,
    horizon: int,
    timed: dict[str, dict[int, TimingRecord]],
) -> ArmSpeed:
    epochs: dict[int, float | None] = {}
    for seed in study.plan.seeds:
        if seed in curves:
            gains = curves[seed].gains
            epochs[seed] = first_sustained_crossing(np.arange(1.0, len(gains) + 1), gains, target)
        elif (arm.final.stage_hash, seed) in study.records and study.finished((arm.final.stage_hash, seed)) is None:
            epochs[seed] = None  # a run that failed never got there
    rounds = timed.get(arm.final.stage_hash, {})
    images = _mean([curve.epoch_images for curve in curves.values()])
    speed = _mean([timing.images_per_s for timing in rounds.values()])
    return ArmSpeed(
        arm=arm.name,
        epochs=epochs,
        restricted_epochs=restricted_mean([*epochs.values()], horizon) if curves else None,
        epoch_s=None if images is None or speed is None else images / speed,
        horizon=horizon,
    )


def _ratio(
    study: StudyData, comparison: Comparison, arms: dict[str, ArmSpeed], epoch_images: dict[str, float | None]
) -> SpeedRatio:
    row = SpeedRatio(
        factor=comparison.factor,
        context=comparison.context,
        treatment=comparison.treatment,
        reference=comparison.reference,
    )
    pair = [arms[comparison.treatment], arms[comparison.reference]]
    if study.plan.arm(comparison.treatment).final.stage_hash == study.plan.arm(comparison.reference).final.stage_hash:
        return row.model_copy(update={"not_assessed": "both arms are the same specification"})
    short = [f"{arm.arm} {arm.num_reached}/{len(arm.epochs)}" for arm in pair if arm.num_reached < len(arm.epochs)]
    if short:
        return row.model_copy(update={"not_assessed": f"not every run reached the target ({', '.join(short)})"})
    seeds = [seed for seed in pair[0].epochs if seed in pair[1].epochs]
    if not seeds:
        return row.model_copy(update={"not_assessed": "no seed has a curve of both arms"})
    treatment, reference = (np.array([arm.epochs[seed] for seed in seeds], dtype=float) for arm in pair)
    epochs = paired_ratio(treatment, reference)
    update: dict[str, object] = {"epochs": epochs.value, "epochs_ci95": _range(epochs.interval95)}
    seconds = _seconds_ratio(study, comparison, np.log(treatment / reference), epoch_images)
    if seconds is not None:
        update |= {"seconds": seconds.value, "seconds_ci95": _range(seconds.interval95)}
    return row.model_copy(update=update)


def _seconds_ratio(
    study: StudyData, comparison: Comparison, log_epochs: np.ndarray, epoch_images: dict[str, float | None]
) -> Ratio | None:
    """Epochs over seeds times the time of an epoch over timing rounds; None where the two were not timed together."""
    images = [epoch_images[name] for name in (comparison.treatment, comparison.reference)]
    stages = [study.plan.arm(name).final.stage_hash for name in (comparison.treatment, comparison.reference)]
    if images[0] is None or images[1] is None:
        return None
    for rounds in reversed(timing_blocks(study.timings).values()):
        common = sorted(rounds[stages[0]].keys() & rounds[stages[1]].keys())
        if not common:
            continue
        log_epoch_s = np.log(
            [(images[0] / rounds[stages[0]][i].images_per_s) / (images[1] / rounds[stages[1]][i].images_per_s)
             for i in common]
        )  # fmt: skip
        if len(log_epochs) < 2 or len(log_epoch_s) < 2:
            return Ratio(float(np.exp(log_epochs.mean() + log_epoch_s.mean())), None, len(log_epochs))
        return product_ratio(paired_effect(log_epochs), paired_effect(log_epoch_s))
    return None


def _throughput(study: StudyData) -> tuple[Throughput, ...]:
    """Of every arm that was timed, in the order of the plan."""
    bare = bare_arm(study)
    base = None if bare is None else latest_timings(study, bare.final.stage_hash)
    base_memory = _peak(base or [])
    rows: list[Throughput] = []
    for arm in study.plan.arms:
        timings = latest_timings(study, arm.final.stage_hash)
        if not timings:
            continue
        peak = _peak(timings)
        same = base is not None and bare is not None and bare.final.stage_hash == arm.final.stage_hash
        together = bool(base) and base is not None and base[0].block == timings[0].block
        rows.append(
            Throughput(
                arm=arm.name,
                images_per_s=float(np.mean([timing.images_per_s for timing in timings])),
                ratio=_throughput_ratio(timings, base) if together and base and not same else None,
                peak_memory_mb=peak,
                memory_ratio=peak / base_memory if together and not same and peak and base_memory else None,
            )
        )
    return tuple(rows)


def _throughput_ratio(timings: list[TimingRecord], base: list[TimingRecord]) -> CostRatio | None:
    by_round = {timing.round: timing for timing in base}
    pairs = [(timing, by_round[timing.round]) for timing in timings if timing.round in by_round]
    if not pairs:
        return None
    ratio = paired_ratio(*(np.array([pair[i].images_per_s for pair in pairs]) for i in (0, 1)))
    return CostRatio(
        value=ratio.value, ci95=_range(ratio.interval95), num_rounds=ratio.num_rounds, block=timings[0].block
    )


def _peak(timings: list[TimingRecord]) -> float | None:
    return max((timing.peak_memory_mb for timing in timings if timing.peak_memory_mb is not None), default=None)


def _mean(values: list[float | None] | list[float]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _range(limits: Interval | None) -> Range | None:
    return None if limits is None else Range(low=limits.low, high=limits.high)
