"""Planned, finished, failed, missing: shown before any result, so that nothing is averaged away."""

from pipeline.spec.records import Status
from pipeline.spec.study import Arm, PlannedStage, StudyPlan
from reports.analysis.waiting import waiting
from reports.records.load import StudyData
from reports.results.completeness import Completeness, FailedRun, RunCell, RunState


def assess_completeness(study: StudyData) -> Completeness:
    """Count every distinct run of the plan, and say what became of each arm and seed."""
    stages = {stage.stage_hash: stage for arm in study.plan.arms for stage in arm.stages}
    planned = study.plan.seeds_by_stage()
    cells = tuple(_cell(study, arm, seed) for arm in study.plan.arms for seed in study.plan.seeds_of(arm))
    states = [_run_state(study, stages[key], seed, stages) for key, seeds in planned.items() for seed in seeds]
    return Completeness(
        num_planned=len(states),
        num_finished=states.count("finished"),
        num_failed=states.count("failed"),
        num_missing=states.count("missing"),
        num_blocked=states.count("blocked"),
        cells=cells,
        failures=_failures(study),
        skipped=study.plan.skipped,
        waiting=waiting(study.plan, cells),
    )


def _cell(study: StudyData, arm: Arm, seed: int) -> RunCell:
    record = study.records.get((arm.final.stage_hash, seed))
    if record is not None and record.status is Status.FINISHED:
        return RunCell(arm=arm.name, seed=seed, state="finished")
    # An arm whose teacher failed was never tried: that is not the arm's own failure, and must not count as one.
    for stage in arm.stages[:-1]:
        ancestor = study.records.get((stage.stage_hash, seed))
        if ancestor is not None and ancestor.status is Status.FAILED:
            return RunCell(arm=arm.name, seed=seed, state="blocked", reason=f"not run: {stage.name} failed")
    if record is not None and record.failure is not None:
        reason = f"{record.failure.type}: {record.failure.message}"
        return RunCell(arm=arm.name, seed=seed, state="failed", reason=reason)
    return RunCell(arm=arm.name, seed=seed, state="missing", reason="not run yet")


def _run_state(study: StudyData, stage: PlannedStage, seed: int, stages: dict[str, PlannedStage]) -> RunState:
    record = study.records.get((stage.stage_hash, seed))
    if record is not None and record.status is Status.FINISHED:
        return "finished"
    if any(
        needed in stages and _run_state(study, stages[needed], seed, stages) in ("failed", "blocked")
        for needed in stage.needs.values()
    ):
        return "blocked"
    return "missing" if record is None else "failed"


def _failures(study: StudyData) -> tuple[FailedRun, ...]:
    owners = _arms_by_hash(study.plan)
    return tuple(
        FailedRun(
            stage_hash=record.stage_hash,
            seed=record.seed,
            stage=record.stage,
            arms=owners[record.stage_hash],
            type=record.failure.type,
            message=record.failure.message,
            step=record.failure.step,
            attempts=record.failure.attempts,
            log_tail=record.failure.log_tail or study.log((record.stage_hash, record.seed)),
        )
        for record in study.records.values()
        if record.failure is not None
    )


def _arms_by_hash(plan: StudyPlan) -> dict[str, tuple[str, ...]]:
    owners: dict[str, tuple[str, ...]] = {}
    for arm in plan.arms:
        for stage in arm.stages:
            owners[stage.stage_hash] = (*owners.get(stage.stage_hash, ()), arm.name)
    return owners
