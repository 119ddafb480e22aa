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
    """Bare's recipe with each kept factor's own change to it, read off the arm that has only that factor."""
    bare = next((arm for arm in plan.arms if not arm.factors), None)
    recipe: dict[str, Any] = dict(bare.recipe) if bare is not None else {}
    base = dict(recipe)
    for factor in kept:
        single = next((arm for arm in plan.arms if arm.factors == (factor,)), None)
        for field, value in ({} if single is None else single.recipe).items():
            if field not in base or base[field] != value:
                recipe[field] = _merge(recipe.get(field), value)
    return recipe


def _merge(current: Any, patch: Any) -> Any:
    # Strategies and recipes are sets of kinds: factors add to them. Every other field has one owner.
    if isinstance(current, list) and isinstance(patch, list):
        return current + [entry for entry in patch if entry not in current]
    return patch
