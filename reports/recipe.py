"""The recipe to keep: bare, and the factors that earned their place."""

from typing import Any

from pipeline.spec.study import Arm, StudyPlan
from reports.results import Effect, Recipe
from reports.stats.verdict import Verdict

RULE = (
    "Bare, plus every factor that helps when added to bare and does not hurt where it is part of the full recipe; "
    "a factor tried in only one of the two must help there."
)


def recipe_to_keep(plan: StudyPlan, effects: tuple[Effect, ...]) -> Recipe:
    """Apply the rule, and say whether exactly that recipe was run."""
    kept = tuple(factor for factor in dict.fromkeys(e.factor for e in effects) if _earned(factor, effects))
    exact = next((arm for arm in plan.arms if set(arm.factors) == set(kept)), None)
    if exact is not None:
        recipe = exact.recipe
    else:
        recipe = _combine(plan, kept)
    return Recipe(
        factors=kept,
        recipe=recipe,
        arm=None if exact is None else exact.name,
        rule=RULE,
        sentence=_sentence(kept, exact, effects),
    )


def _earned(factor: str, effects: tuple[Effect, ...]) -> bool:
    own = [effect for effect in effects if effect.factor == factor]
    added = [effect for effect in own if effect.context == "added to bare"]
    must_help = added or own
    return all(effect.verdict.helps for effect in must_help) and not any(effect.verdict.hurts for effect in own)


def _sentence(kept: tuple[str, ...], exact: Arm | None, effects: tuple[Effect, ...]) -> str:
    if all(effect.verdict is Verdict.NOT_ASSESSED for effect in effects):
        return "Nothing can be said yet: no comparison has a verdict, so bare stands."
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
