"""Which arms two studies both have: by their runs, by their names, by their recipes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.spec.study import Arm, StudyPlan
from reports.analysis.spec_differences import differences
from reports.results.two_studies import Matched, SettingDifference


@dataclass(frozen=True, slots=True)
class MatchedArms:
    """One arm of each study, by name."""

    first: str
    second: str
    matched: Matched
    changed: tuple[SettingDifference, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """All arms of two studies; each arm is in one pair at most."""

    pairs: tuple[MatchedArms, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def match_arms(first: StudyPlan, second: StudyPlan) -> Matching:
    """Pair the arms: those that the same runs answer for, then those of one name, then those of one recipe.

    The data are no part of a recipe here: whether they are the same is a question about the studies.
    """
    partner: dict[str, str] = {}
    rules: tuple[Callable[[Arm, Arm], bool], ...] = (
        lambda a, b: a.final.stage_hash == b.final.stage_hash and a.name == b.name,
        lambda a, b: a.final.stage_hash == b.final.stage_hash,
        lambda a, b: a.name == b.name,
        lambda a, b: _recipe(a) == _recipe(b),
    )
    for rule in rules:
        for arm in first.arms:
            free = (other for other in second.arms if other.name not in partner.values())
            if arm.name not in partner and (other := next((one for one in free if rule(arm, one)), None)):
                partner[arm.name] = other.name
    return Matching(
        tuple(_pair(arm, second.arm(partner[arm.name])) for arm in first.arms if arm.name in partner),
        tuple(arm.name for arm in first.arms if arm.name not in partner),
        tuple(arm.name for arm in second.arms if arm.name not in partner.values()),
    )


def _pair(one: Arm, two: Arm) -> MatchedArms:
    if one.final.stage_hash == two.final.stage_hash:
        return MatchedArms(one.name, two.name, "same runs", ())
    old, new = _recipe(one), _recipe(two)
    changed = tuple(
        found.model_copy(update={"what": found.what if len(old) == 1 else f"{stage}: {found.what}"})
        for stage in old
        if stage in new
        for found in differences(old[stage], new[stage])
    )
    if list(old) != list(new):
        changed = (SettingDifference(what="stages", first=", ".join(old), second=", ".join(new)), *changed)
    if one.name != two.name:
        return MatchedArms(one.name, two.name, "same recipe, other name", changed)
    return MatchedArms(one.name, two.name, "same name, other recipe" if changed else "same name and recipe", changed)


def _recipe(arm: Arm) -> dict[str, dict[str, Any]]:
    """Stage name -> its resolved spec but for the data."""
    return {stage.name: {name: value for name, value in stage.spec.items() if name != "data"} for stage in arm.stages}
