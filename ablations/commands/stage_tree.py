"""The arms of a plan and their stages as trees: what each needs, what is shared, what it costs alone and with that."""

from collections.abc import Iterator, Mapping

from ablations.running.display import duration
from pipeline.spec.study import Arm, PlannedStage, StudyPlan

INDENT = " " * 25


def arm_lines(plan: StudyPlan, stage_s: Mapping[str, float]) -> list[str]:
    """A line for each arm, and below it one for each stage that it needs first.

    Args:
        plan: its arms.
        stage_s: stage hash -> seconds of one run.
    """
    lines: list[str] = []
    first: dict[str, str] = {}  # stage hash -> the arm that has it first
    for arm in plan.arms:
        only = "" if arm.seeds is None else f"  (seed {', '.join(map(str, arm.seeds))} only)"
        stages = {stage.stage_hash: stage for stage in arm.stages}
        reuse = f"  (shares a stage with {first[arm.final.stage_hash]})" if arm.final.stage_hash in first else ""
        cost = f"  {_costs(arm, stage_s)}" if len(arm.stages) > 1 else ""
        lines.append(f"  {arm.name:<22} {arm.final.name} {arm.final.stage_hash[:8]}{cost}{only}{reuse}")
        lines += _needed(arm.final, stages, first, stage_s, "", set())
        for stage_hash in stages:
            first.setdefault(stage_hash, arm.name)
    return lines


def _costs(arm: Arm, stage_s: Mapping[str, float]) -> str:
    alone, together = stage_s[arm.final.stage_hash], sum(stage_s[stage.stage_hash] for stage in arm.stages)
    return f"{duration(alone)} a run, {duration(together)} with what it needs"


def _needed(
    stage: PlannedStage,
    stages: Mapping[str, PlannedStage],
    first: Mapping[str, str],
    stage_s: Mapping[str, float],
    trunk: str,
    shown: set[str],
) -> Iterator[str]:
    """The stages that one needs, each followed by what it needs itself; one that was shown already only by its name."""
    for number, (name, stage_hash) in enumerate(stage.needs.items(), start=1):
        is_last = number == len(stage.needs)
        line = f"{INDENT} {trunk}{'└─' if is_last else '├─'} {name} {stage_hash[:8]}"
        if stage_hash in shown:
            yield f"{line}  (as above)"
            continue
        shown.add(stage_hash)
        reused = f"  (trained once, with {first[stage_hash]})" if stage_hash in first else ""
        yield f"{line}  {duration(stage_s[stage_hash])}{reused}"
        yield from _needed(stages[stage_hash], stages, first, stage_s, trunk + ("   " if is_last else "│  "), shown)
