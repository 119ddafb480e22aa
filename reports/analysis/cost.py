"""What each arm costs: steps timed apart, and what was spent."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from pipeline.spec.records import TimingRecord
from pipeline.spec.study import Arm
from reports.analysis.contrast import NEGLIGIBLE, StageWeights
from reports.records.load import StudyData
from reports.results.effect import CostRatio
from reports.results.ranges import Range
from reports.results.study import NetworkSize, TotalCost
from reports.stats.cost import paired_ratio


def step_ratio(study: StudyData, treatment: str, reference: str) -> CostRatio | None:
    """Step time of one stage over another's, from the latest timing block that holds both; None without one.

    Rounds of different blocks are never compared: between blocks the machine may have changed clocks or neighbours.
    """
    for block, rounds in reversed(timing_blocks(study.timings).items()):
        common = sorted(rounds[treatment].keys() & rounds[reference].keys())
        if common and treatment != reference:
            ratio = paired_ratio(
                np.array([rounds[treatment][i].step_ms for i in common]),
                np.array([rounds[reference][i].step_ms for i in common]),
            )
            limits = ratio.interval95
            ci95 = None if limits is None else Range(low=limits.low, high=limits.high)
            return CostRatio(value=ratio.value, ci95=ci95, num_rounds=ratio.num_rounds, block=block)
    return None


def timing_blocks(timings: list[TimingRecord]) -> dict[str, defaultdict[str, dict[int, TimingRecord]]]:
    """Block -> stage hash -> round -> timing, in the order of the blocks' last lines."""
    blocks: dict[str, defaultdict[str, dict[int, TimingRecord]]] = {}
    for timing in timings:
        rounds = blocks.pop(timing.block, defaultdict(dict))
        rounds[timing.stage_hash][timing.round] = timing
        blocks[timing.block] = rounds
    return blocks


def widest_block(study: StudyData, stages: Iterable[str]) -> tuple[str, dict[str, dict[int, TimingRecord]]] | None:
    """Name and rounds of the block that timed the most of these stages, the latest of such; None where none did."""
    wanted = set(stages)
    best: tuple[str, dict[str, dict[int, TimingRecord]]] | None = None
    for block, rounds in reversed(timing_blocks(study.timings).items()):
        found = {stage: timed for stage, timed in rounds.items() if stage in wanted}
        if found and (best is None or len(found) > len(best[1])):
            best = (block, found)
    return best


def averaged_step_ratio(study: StudyData, weights: StageWeights) -> CostRatio | None:
    """Step time with a factor over that without it, as a geometric mean over the arms by these weights.

    Where the weights above 0 add up to 1, as those of an average or a Shapley share do; None for other sums, which are
    no ratio of two arms, and without a block that holds all arms.
    """
    if abs(sum(weight for _, weight in weights if weight > 0) - 1) > NEGLIGIBLE:
        return None
    for block, rounds in reversed(timing_blocks(study.timings).items()):
        common = sorted(set.intersection(*(set(rounds[stage].keys()) for stage, _ in weights)))
        if common:
            logs = np.array([[np.log(rounds[stage][i].step_ms) for i in common] for stage, _ in weights])
            signed = np.array([weight for _, weight in weights])
            ratio = paired_ratio(np.exp(signed.clip(min=0) @ logs), np.exp((-signed).clip(min=0) @ logs))
            limits = ratio.interval95
            ci95 = None if limits is None else Range(low=limits.low, high=limits.high)
            return CostRatio(value=ratio.value, ci95=ci95, num_rounds=ratio.num_rounds, block=block)
    return None


def latest_timings(study: StudyData, stage_hash: str) -> list[TimingRecord]:
    """The rounds of a stage in the latest block that timed it."""
    for rounds in reversed(timing_blocks(study.timings).values()):
        if stage_hash in rounds:
            return list(rounds[stage_hash].values())
    return []


def samples_with_ancestors(study: StudyData, arm: Arm, seed: int) -> int | None:
    """Training samples seen by every stage of a trial, so that a distilled student does not look free."""
    costs = [_cost(study, stage.stage_hash, seed) for stage in arm.stages]
    return None if None in costs else sum(cost.samples_seen for cost in costs if cost is not None)


def busy_s_with_ancestors(study: StudyData, arm: Arm, seed: int) -> float | None:
    """Wall time of every stage of a trial on a shared machine: no verdict rests on it."""
    costs = [_cost(study, stage.stage_hash, seed) for stage in arm.stages]
    return None if None in costs else sum(cost.busy_s for cost in costs if cost is not None)


def network_size(study: StudyData, stage_hash: str, seeds: Iterable[int]) -> NetworkSize | None:
    """Of a stage's network; the same for all seeds, so the first that says it counts."""
    for seed in seeds:
        cost = _cost(study, stage_hash, seed)
        if cost is None or cost.forward_gflops is None or cost.bare_num_parameters is None or cost.bare_gflops is None:
            continue
        return NetworkSize(
            num_parameters=cost.num_parameters,
            bare_num_parameters=cost.bare_num_parameters,
            forward_gflops=cost.forward_gflops,
            bare_gflops=cost.bare_gflops,
        )
    return None


def total_cost(study: StudyData) -> TotalCost:
    """Every distinct run once, failed ones too where they say what they took."""
    costs = [record.cost for record in study.records.values() if record.cost is not None]
    return TotalCost(
        busy_s=sum(cost.busy_s for cost in costs),
        samples_seen=sum(cost.samples_seen for cost in costs),
        num_runs=len(study.records),
    )


def _cost(study: StudyData, stage_hash: str, seed: int):
    record = study.finished((stage_hash, seed))
    return None if record is None else record.cost
