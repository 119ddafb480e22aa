"""The recipe to keep: bare, and the factors that earned their place."""

from typing import Any

from pipeline.spec.records import HIGHER_IS_BETTER
from pipeline.spec.study import Arm, Context, SkippedArm, StudyPlan
from reports.results.effect import Effect
from reports.results.study import Recipe
from reports.stats.verdict import Verdict, shares_text

RULE = (
    "Bare, plus every factor that helps when added to bare and does not hurt where it is part of the full recipe; "
    "a factor tried in only one of the two must help there. Of factors that cannot be together, those with the larger "
    "estimates."
)
AVERAGED_RULE = (
    "Bare, plus every factor that helps on average over what else is switched on, hurts nowhere else it was judged, "
    "and whose estimate is not mixed with an interaction by more than half. Of factors that cannot be together, "
    "those with the larger estimates."
)
STACK_RULE = (
    "Bare, plus every factor that helps at its step of the stack: its gain there depends on what was added before. "
    "Of factors that cannot be together, those with the larger estimates."
)
DECISIVE: tuple[tuple[frozenset[Context], str], ...] = (
    (frozenset({"averaged over the others"}), AVERAGED_RULE),
    (frozenset({"share of the gain"}), AVERAGED_RULE),
    (frozenset({"added to bare", "added to what it needs"}), RULE),
    (frozenset({"added in this order"}), STACK_RULE),
    (frozenset({"removed from full"}), RULE),
)
"""Where a factor must help to be kept: the first of these that it was judged in, over most arms first."""


def recipe_to_keep(plan: StudyPlan, effects: tuple[Effect, ...]) -> Recipe:
    """Apply the rule, and say whether exactly that recipe was run.

    Args:
        plan: of the study.
        effects: of its comparisons; those that a skipped arm made impossible say nothing, so they are left out, and
            exploratory ones give no advice.
    """
    effects = tuple(effect for effect in effects if not effect.exploratory)
    earned = tuple(factor for factor in dict.fromkeys(e.factor for e in effects) if _earned(factor, effects))
    doubtful = {factor: mixed for factor in earned if (mixed := _mixed_in(factor, effects))}
    kept, clashing = _together(plan, tuple(factor for factor in earned if factor not in doubtful), effects)
    why_not = clashing | {factor: _may_be_another(factor, mixed) for factor, mixed in doubtful.items()}
    exact = next((arm for arm in plan.arms if set(arm.factors) == set(kept)), None)
    if exact is not None:
        recipe = exact.recipe
    else:
        recipe = _combine(plan, kept)
    return Recipe(
        factors=kept,
        recipe=recipe,
        arm=None if exact is None else exact.name,
        left_out=tuple(why_not),
        rule=_rule(effects),
        sentence=" ".join([_sentence(kept, exact, effects, found=bool(why_not)), *why_not.values()]),
    )


def _rule(effects: tuple[Effect, ...]) -> str:
    planned = {effect.context for effect in effects}
    return next((rule for contexts, rule in DECISIVE if contexts & planned), RULE)


def _earned(factor: str, effects: tuple[Effect, ...]) -> bool:
    own = [effect for effect in effects if effect.factor == factor]
    judged = ([effect for effect in own if effect.context in contexts] for contexts, _ in DECISIVE)
    must_help = next((decisive for decisive in judged if decisive), [])
    helps = bool(must_help) and all(effect.verdict.helps for effect in must_help)
    return helps and not any(effect.verdict.hurts for effect in own)


def _mixed_in(factor: str, effects: tuple[Effect, ...]) -> tuple[str, ...]:
    """Interactions of which more than half is in the effect that decides on this factor."""
    own = [effect for effect in effects if effect.factor == factor]
    return next(
        (
            tuple(dict.fromkeys(share for e in own if e.context in contexts for share in e.mixed_in))
            for contexts, _ in DECISIVE
            if any(e.context in contexts for e in own)
        ),
        (),
    )


def _may_be_another(factor: str, shares: tuple[str, ...]) -> str:
    return (
        f"{factor} helps, but more than half of an interaction is in its estimate ({shares_text(shares)}): confirm it "
        "in a design that tells them apart."
    )


def _together(
    plan: StudyPlan, earned: tuple[str, ...], effects: tuple[Effect, ...]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The factors that can be together, and a sentence on each that had to give way to one with a larger estimate."""
    kept: list[str] = []
    why_not: dict[str, str] = {}
    for factor in sorted(earned, key=lambda name: -_gain(plan, name, effects)):
        other = next((name for name in kept if _are_levels_of_one(plan, name, factor)), None)
        if other is not None:
            why_not[factor] = f"{factor} helps too, but {other} is the level to keep of the factor that both belong to."
            continue
        obstacle = _obstacle(plan, (*kept, factor))
        if obstacle is None:
            kept.append(factor)
        else:
            others = " + ".join(name for name in obstacle.clash if name in kept) or "bare"
            why_not[factor] = f"{factor} helps too, but cannot be beside {others}: {obstacle.reason}."
    for factor in earned:
        missing = [name for name in _needs(plan, factor, effects) if name not in kept]
        if factor in kept and missing:
            kept.remove(factor)
            why_not[factor] = f"{factor} helps too, but it needs {' + '.join(missing)}, which is not kept."
    return tuple(factor for factor in earned if factor in kept), why_not


def _needs(plan: StudyPlan, factor: str, effects: tuple[Effect, ...]) -> tuple[str, ...]:
    """The factors beside which this one was judged, because it cannot be without them."""
    found = (e for e in effects if e.factor == factor and e.context == "added to what it needs" and e.reference)
    effect = next(found, None)
    return () if effect is None else plan.arm(effect.reference).factors


def _gain(plan: StudyPlan, factor: str, effects: tuple[Effect, ...]) -> float:
    own = [e for e in effects if e.factor == factor and e.estimate is not None and e.verdict.helps]
    sign = 1.0 if HIGHER_IS_BETTER[plan.metric.name] else -1.0
    return max((sign * effect.estimate for effect in own if effect.estimate is not None), default=0.0)


def _are_levels_of_one(plan: StudyPlan, one: str, other: str) -> bool:
    return any(one in levels and other in levels for levels in plan.exclusive)


def _obstacle(plan: StudyPlan, factors: tuple[str, ...]) -> SkippedArm | None:
    """A skipped arm that shows that these factors cannot be together; None where an arm with them was planned."""
    wanted = set(factors)
    if any(set(arm.factors) == wanted for arm in plan.arms):
        return None
    return next(
        (
            arm
            for arm in plan.skipped
            if arm.clash and (set(arm.factors) == wanted or (len(arm.clash) > 1 and wanted >= set(arm.clash)))
        ),
        None,
    )


def _sentence(kept: tuple[str, ...], exact: Arm | None, effects: tuple[Effect, ...], *, found: bool) -> str:
    if not effects:
        return "This study compares nothing, so bare stands."
    if all(effect.verdict is Verdict.NOT_ASSESSED for effect in effects):
        return "Nothing can be said yet: no comparison has a verdict, so bare stands."
    if all(effect.verdict in (Verdict.NOT_ASSESSED, Verdict.CONFOUNDED) for effect in effects):
        return (
            "Nothing can be said: this design mixes every effect with others, so bare stands; judge the largest ones "
            "again in a design that tells them apart."
        )
    if not kept and found:
        return "Keep bare: no factor that helps can be kept as yet."
    if not kept:
        return "Nothing was found to help: keep bare."
    names = " + ".join(kept)
    if exact is None:
        return f"Keep bare + {names}; this combination was not run itself: confirm it."
    return f"Keep bare + {names}: run here as {exact.name!r}."


def _combine(plan: StudyPlan, kept: tuple[str, ...]) -> dict[str, Any]:
    """Bare's recipe with each kept factor's own change to it, read off the two arms that differ in it alone."""
    bare = next((arm for arm in plan.arms if not arm.factors), None)
    recipe: dict[str, Any] = dict(bare.recipe) if bare is not None else {}
    for factor in kept:
        pair = _arms_apart_by(plan, factor)
        if pair is not None:
            before, after = pair
            recipe = _apply_change(recipe, before.recipe, after.recipe)
    return recipe


def _arms_apart_by(plan: StudyPlan, factor: str) -> tuple[Arm, Arm] | None:
    """Without and with the factor: bare and the factor alone, or full without it and full where it was only removed."""
    by_factors = {frozenset(arm.factors): arm for arm in reversed(plan.arms)}
    for arm in sorted(by_factors.values(), key=lambda arm: len(arm.factors)):
        before = by_factors.get(frozenset(arm.factors) - {factor})
        if factor in arm.factors and before is not None:
            return before, arm
    return None


def _apply_change(current: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Make in `current` the change that leads from `before` to `after`, and leave what other factors changed."""
    result = {name: value for name, value in current.items() if name not in before or name in after}
    for name, value in after.items():
        old = before.get(name)
        if name in before and old == value:
            continue
        here = result.get(name)
        if isinstance(value, list) and isinstance(here, list):
            # Strategies and recipes are sets of kinds: factors add to them.
            result[name] = here + [entry for entry in value if entry not in (old or ()) and entry not in here]
        elif isinstance(value, list) and isinstance(old, list):
            result[name] = [entry for entry in value if entry not in old]
        elif all(isinstance(one, dict) for one in (value, old, here)) and _kind(value) == _kind(old):
            result[name] = _apply_change(here, old, value)  # type: ignore[arg-type]
        else:
            result[name] = value
    return result


def _kind(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else None
