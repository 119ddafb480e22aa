"""What the plan alone gives away: arms that are skipped, factors that change nothing, changes that nobody named.

The plan's text, the terminal after a run and the report all take their words from here.
"""

from typing import Any

from pipeline.spec.study import Comparison, SkippedArm, StudyPlan, Undeclared
from reports.analysis.contrast import compares_nothing, stage_weights
from reports.results.study import HiddenChange


def why_skipped(arm: SkippedArm) -> str:
    """The reason, with the factors that it is about."""
    if not arm.clash:
        return arm.reason
    return f"factor{'' if len(arm.clash) == 1 else 's'} {' and '.join(arm.clash)}: {arm.reason}"


def arms_text(names: tuple[str, ...]) -> str:
    """'arm full' or 'arms full, -cosine'."""
    return f"arm{'' if len(names) == 1 else 's'} {', '.join(names)}"


def skipped_by_reason(skipped: tuple[SkippedArm, ...]) -> dict[str, tuple[str, ...]]:
    """Reason -> the arms that it keeps from running."""
    found: dict[str, tuple[str, ...]] = {}
    for arm in skipped:
        found[why_skipped(arm)] = (*found.get(why_skipped(arm), ()), arm.name)
    return found


def blocking_arm(plan: StudyPlan, comparison: Comparison) -> SkippedArm:
    """The skipped arm that a comparison needs; where it needs two, one that cannot be."""
    needed = [arm for arm in plan.skipped if arm.name in comparison.contrast]
    return next((arm for arm in needed if arm.clash), needed[0])


def changes_nothing(plan: StudyPlan) -> tuple[Comparison, ...]:
    """Declared comparisons of arms with themselves: what the factor sets was set already."""
    declared = (comparison for comparison in plan.comparisons if not comparison.exploratory)
    return tuple(comparison for comparison in declared if compares_nothing(stage_weights(plan, comparison)))


def describe_undeclared(change: Undeclared) -> str:
    """'optimizer.weight_decay: 5e-05 -> 0.05, not named by factor adamw'."""
    owner = f"factor {' or '.join(change.factors)}" if change.factors else "any factor"
    return f"{change.path}: {_shown(change.bare)} -> {_shown(change.arm)}, not named by {owner}"


def hidden_changes(plan: StudyPlan) -> tuple[HiddenChange, ...]:
    """Every difference from bare that no factor names, with the arms that have it."""
    arms: dict[str, tuple[str, ...]] = {}
    factors: dict[str, tuple[str, ...]] = {}
    for arm in plan.arms:
        for change in arm.undeclared:
            text = describe_undeclared(change)
            arms[text] = (*arms.get(text, ()), arm.name)
            factors[text] = change.factors
    return tuple(HiddenChange(text=text, factors=factors[text], arms=names) for text, names in arms.items())


def hidden_text(change: HiddenChange) -> str:
    """'optimizer.weight_decay: 5e-05 -> 0.05, not named by factor adamw (arms +adamw, full)'."""
    return f"{change.text} ({arms_text(change.arms)})"


def finding_lines(plan: StudyPlan) -> list[str]:
    """All of it for a terminal; nothing where there is nothing to say."""
    by_reason = skipped_by_reason(plan.skipped)
    lines = [f"skipped   {arms_text(arms)}: {reason}" for reason, arms in by_reason.items()]
    if plan.unassessed:
        lost = ", ".join(f"{comparison.factor} {comparison.context}" for comparison in plan.unassessed)
        lines.append(f"          not assessed without them: {lost}")
    lines += [
        f"NO EFFECT {comparison.factor} {comparison.context}: {_who(comparison)} have the same specification; it sets "
        "what was set already"
        for comparison in changes_nothing(plan)
    ]
    hidden = hidden_changes(plan)
    lines += [f"hidden    {hidden_text(change)}" for change in hidden]
    if hidden:
        lines.append("          name these fields in the factor; bare's values there keep them out of the comparison")
    return lines


def _who(comparison: Comparison) -> str:
    if comparison.weights:
        return "the arms with and without it"
    return f"{comparison.treatment} and {comparison.reference}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
