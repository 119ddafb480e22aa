"""A stack as it was run: the level before each step, what the step gave, and what other orders gave instead."""

from collections.abc import Sequence

import numpy as np

from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.estimates import CellFit
from reports.analysis.order_spread import step_gains
from reports.results.effect import Effect
from reports.results.orders import StackAnalysis, StackStep
from reports.results.ranges import Range
from reports.stats.estimate import Estimate

CONTEXT = "added in this order"


def analyse_stack(plan: StudyPlan, effects: tuple[Effect, ...], cells: CellFit) -> StackAnalysis | None:
    """The steps in their order; None in a design that adds nothing one after another.

    Args:
        plan: which says the order, and the steps of further ones.
        effects: of the study, judged.
        cells: the level of each arm, free of what arms share with a seed.
    """
    steps = _chain([c for c in (*plan.comparisons, *plan.unassessed) if c.context == CONTEXT and c.treatment])
    if not steps:
        return None
    gains = {(e.factor, e.treatment): e for e in effects if e.context == CONTEXT}
    sampled = {c.factor: c for c in plan.comparisons if c.draws and c.context == "share of the gain"}
    levels = levels_by_count(plan, tuple(sampled.values()), cells)
    start = arm_level(plan, cells, steps[0].reference)
    level = next((effect.level for effect in gains.values()), 1 - plan.alpha)
    found: list[StackStep] = []
    for count, step in enumerate(steps, start=1):
        effect, before = gains.get((step.factor, step.treatment)), arm_level(plan, cells, step.reference)
        elsewhere = step_gains(plan, sampled[step.factor], cells) if step.factor in sampled else None
        found.append(
            StackStep(
                factor=step.factor,
                arm=step.treatment,
                before=None if before is None else before.effect,
                gain=None if effect is None else effect.estimate,
                ci95=None if effect is None else effect.ci95,
                level_range=_range(levels.get(count, ())),
                gain_range=None if elsewhere is None else _range([float(gain) for gain in elsewhere.flat]),
            )
        )
    limits = start.interval(level) if start is not None and start.has_spread else None
    return StackAnalysis(
        level=level,
        start_arm=steps[0].reference,
        start=None if start is None else start.effect,
        start_ci95=None if limits is None else Range(low=limits.low, high=limits.high),
        steps=tuple(found),
        num_orders=max([sum(len(draw) for draw in c.draws) for c in sampled.values()], default=1),
    )


def arm_level(plan: StudyPlan, cells: CellFit, arm: str) -> Estimate | None:
    """Level of one arm over the seeds in hand; None where it has no finished run."""
    row = cells.row_of.get(plan.arm(arm).final.stage_hash) if any(a.name == arm for a in plan.arms) else None
    if row is None:
        return None
    weights = np.zeros(cells.num_cells)
    weights[row] = 1.0
    return cells.fit.level(weights)


def levels_by_count(plan: StudyPlan, shares: Sequence[Comparison], cells: CellFit) -> dict[int, tuple[float, ...]]:
    """Number of factors added -> the level of every order there; counts at which an arm has no result are left out.

    Args:
        plan: of the arms.
        shares: over sampled orders, with the arms after and before each factor joins.
        cells: the level of each arm.
    """
    after_by_draw: dict[tuple[int, int], set[str]] = {}
    for share in shares:
        for number, draw in enumerate(share.draws):
            for place, (after, _) in enumerate(draw):
                after_by_draw.setdefault((number, place), set()).add(after)
    on = {arm.name: len(arm.factors) for arm in plan.arms}
    found: dict[int, list[float]] = {}
    unknown: set[int] = set()
    for arms in after_by_draw.values():
        for count, arm in enumerate(sorted(arms, key=lambda name: on[name]), start=1):
            level = arm_level(plan, cells, arm)
            if level is None:
                unknown.add(count)
            else:
                found.setdefault(count, []).append(level.effect)
    return {count: tuple(levels) for count, levels in found.items() if count not in unknown}


def _chain(steps: list[Comparison]) -> list[Comparison]:
    """Each step behind the one that leads to it. Steps that no chain holds stay where the plan has them."""
    by_reference = {step.reference: step for step in steps}
    reached = {step.treatment for step in steps}
    ordered: list[Comparison] = []
    for first in (step for step in steps if step.reference not in reached):
        here: Comparison | None = first
        while here is not None and here not in ordered:
            ordered.append(here)
            here = by_reference.get(here.treatment)
    return ordered


def _range(values: Sequence[float]) -> Range | None:
    return Range(low=min(values), high=max(values)) if values else None
