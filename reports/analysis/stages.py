"""The stages of a study as a graph: what is trained once and used by many, and what it costs."""

from functools import cache

import numpy as np

from pipeline.spec.study import PlannedStage
from reports.records.load import StudyData
from reports.results.stages import Representation, StageGraph, StageNode


def analyse_stages(study: StudyData) -> StageGraph:
    """Every distinct stage once, in the order of the plan, those without needs first."""
    plan = study.plan
    stages: dict[str, list[PlannedStage]] = {}
    result_of: dict[str, list[str]] = {}
    on_the_way: dict[str, list[str]] = {}
    for arm in plan.arms:
        for stage in arm.stages:
            stages.setdefault(stage.stage_hash, []).append(stage)
            (result_of if stage is arm.final else on_the_way).setdefault(stage.stage_hash, []).append(arm.name)
    needs = {key: tuple(dict.fromkeys(found[0].needs.values())) for key, found in stages.items()}
    seeds_of = plan.seeds_by_stage()

    @cache
    def depth(key: str) -> int:
        return 1 + max(depth(need) for need in needs[key]) if needs[key] else 0

    def all_before(key: str) -> set[str]:
        return set(needs[key]).union(*(all_before(need) for need in needs[key]))

    nodes = [
        StageNode(
            stage_hash=key,
            names=tuple(dict.fromkeys(stage.name for stage in found)),
            needs=needs[key],
            depth=depth(key),
            result_of=tuple(result_of.get(key, ())),
            on_the_way_to=tuple(on_the_way.get(key, ())),
            seeds=seeds_of[key],
            num_finished=sum(study.finished((key, seed)) is not None for seed in seeds_of[key]),
            busy_s=_mean_busy_s(study, {key}, seeds_of[key]),
            busy_s_with_ancestors=_mean_busy_s(study, {key} | all_before(key), seeds_of[key]),
            representation=_representation(study, key, seeds_of[key]),
        )
        for key, found in stages.items()
    ]
    return StageGraph(
        nodes=tuple(sorted(nodes, key=lambda node: node.depth)),
        num_runs=sum(len(seeds) for seeds in seeds_of.values()),
        num_runs_unshared=sum(len(arm.stages) * len(plan.seeds_of(arm)) for arm in plan.arms),
    )


def _mean_busy_s(study: StudyData, stages: set[str], seeds: tuple[int, ...]) -> float | None:
    """Over the seeds that finished all of these stages and say what they took."""
    sums: list[float] = []
    for seed in seeds:
        records = [study.finished((stage, seed)) for stage in stages]
        costs = [record.cost for record in records if record is not None and record.cost is not None]
        if len(costs) == len(stages):
            sums.append(sum(cost.busy_s for cost in costs))
    return float(np.mean(sums)) if sums else None


def _representation(study: StudyData, stage: str, seeds: tuple[int, ...]) -> Representation | None:
    records = [record for seed in seeds if (record := study.finished((stage, seed))) is not None]
    names = [name for name in Representation.model_fields if name != "num_seeds"]
    found = [
        [record.metrics[f"val/{name}"] for name in names] for record in records if "val/knn_top1" in record.metrics
    ]
    if not found:
        return None
    means = np.mean(found, axis=0).tolist()
    return Representation(num_seeds=len(found), **dict(zip(names, means, strict=True)))
