"""The sentences around a verdict: the setting it holds in, and the form to quote."""

from typing import Any

from pipeline.spec.study import Comparison, Context, StudyPlan
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.scale import Scale
from reports.stats.verdict import Explored


def describe_setting(plan: StudyPlan) -> str:
    """Data, model and epochs of the bare recipe: 'clothing-256, resnet10t, 12 epochs'.

    Specs are read as plain data here, so whatever is missing is left out.
    """
    spec = plan.arms[0].final.spec if plan.arms else {}
    data, model, budget = (_mapping(spec.get(name)) for name in ("data", "model", "budget"))
    path = str(data.get("path") or "").rstrip("/").rsplit("/", 1)[-1]
    name = path or str(data.get("kind") or "")
    parts = [name, str(model.get("name") or model.get("kind") or "")]
    if epochs := budget.get("epochs"):
        parts.append(f"{epochs} epoch{'' if epochs == 1 else 's'}")
    parts.append(stand_in(plan))
    return ", ".join(part for part in parts if part)


def stand_in(plan: StudyPlan) -> str:
    """What bare leaves out of its data: 'proxy: 0.25 of the training images'. Nothing where it trains on all of it."""
    spec = plan.arms[0].final.spec if plan.arms else {}
    found = [
        f"{strategy['frac']:.3g} of the training images"
        for strategy in map(_mapping, spec.get("strategies") or ())
        if strategy.get("kind") == "data_fraction"
    ]
    if classes := _mapping(spec.get("data")).get("classes"):
        found.append(f"{len(classes)} classes chosen from the data")
    return f"proxy: {' and '.join(found)}" if found else ""


def stack_order(plan: StudyPlan, comparison: Comparison) -> tuple[str, ...]:
    """The factors of a stack up to this step, in the order they were added.

    Empty where it is no step, or where steps of several orders lead here.
    """
    steps = [other for other in plan.comparisons if other.context == "added in this order" and other.treatment]
    order: list[str] = []
    here = [comparison] if comparison in steps else []
    while len(here) == 1 and here[0].factor not in order:
        order.insert(0, here[0].factor)
        reference = here[0].reference
        here = [step for step in steps if step.treatment == reference]
    return () if here else tuple(order)


def heading(context: Context) -> str:
    """Of a column of effects, with what is subtracted from what where the name leaves it open."""
    return _HEADINGS.get(context, context)


_HEADINGS: dict[Context, str] = {
    "removed from full": "removed from full (full minus full without it)",
    "averaged over the others": "averaged over the other factors (on minus off)",
    "share of the gain": "share of the gain of full over bare",
    "interaction with the rest": "interaction with the rest (within full minus alone)",
}

_PLACES: dict[Context, str] = {
    "added to bare": "added to bare",
    "removed from full": "within the full recipe",
    "added to what it needs": "added to what it needs",
    "added in this order": "added in this order",
    "averaged over the others": "averaged over the other factors",
    "share of the gain": "share of the gain of full over bare",
    "interaction": "interaction",
    "interaction with the rest": "within the full recipe rather than alone",
}


def place(context: Context) -> str:
    """Where a factor was judged. "Removed from full: hurts" would read as if the removal hurt."""
    return _PLACES[context]


def explored(context: Context) -> Explored:
    """What an exploratory effect above or below 0 means; never advice."""
    if context == "interaction":
        return Explored("together they give more than the sum of both", "together they give less than the sum of both")
    if context == "interaction with the rest":
        return Explored("worth more within the full recipe than alone", "worth less within the full recipe than alone")
    if context == "share of the gain":
        return Explored("adds to the gain of full over bare", "takes from the gain of full over bare")
    return Explored("better with it", "worse with it")


def claim(effect: Effect, title: str, order: tuple[str, ...] = ()) -> str:
    """What was measured, up to the number: 'adding mixup to bare changed top-1 accuracy by'.

    Args:
        effect: whose number follows.
        title: of the metric.
        order: of a stack up to this step.
    """
    name = effect.factor
    match effect.context:
        case "added to bare" | "added to what it needs":
            return f"adding {name} to {effect.reference} changed {title} by"
        case "removed from full":
            return f"having {name} in {effect.treatment} changed {title} by"
        case "added in this order":
            how = f", in the order {', '.join(order)}," if len(order) > 1 else ""
            return f"adding {name} to {effect.reference}{how} changed {title} by"
        case "averaged over the others":
            return f"switching {name} on, averaged over the other factors, changed {title} by"
        case "share of the gain":
            return f"the share of {name} in the gain of full over bare in {title} was"
        case "interaction":
            return f"the interaction {name}{_interaction_scale(effect)} in {title} was"
        case "interaction with the rest":
            return f"the effect of {name} within the full recipe minus its effect alone in {title} was"


def quote(effect: Effect, setting: str, scale: Scale, num_comparisons: int, order: tuple[str, ...] = ()) -> str:
    """The whole finding in one sentence that can stand alone."""
    if effect.estimate is None or effect.ci95 is None:
        return ""
    what = claim(effect, scale.title, order)
    start = f"On {setting}, {what}" if setting else what[0].upper() + what[1:]
    paired = "" if effect.weights else "paired "
    return (
        f"{start} {scale.difference(effect.estimate)} ({level_text(effect.level)} CI "
        f"{scale.value(effect.ci95.low)} to {scale.value(effect.ci95.high)}; {effect.n} {paired}seeds; "
        f"{effect.method}, df {effect.df:g}; {_correction(effect, num_comparisons)}), for this split."
    )


def level_text(level: float) -> str:
    """'95%', or '98.1%' where several looks share the error."""
    return f"{100 * level:.4g}%"


def _correction(effect: Effect, num_comparisons: int) -> str:
    if effect.q is not None:
        return f"exploratory, BH q{_equals(effect.q)} over {num_comparisons}"
    p = f"p{_equals(1.0 if effect.p_holm is None else effect.p_holm)}"
    return f"{p}, control" if effect.control else f"Holm {p} over {num_comparisons}"


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"={text}"


def _interaction_scale(effect: Effect) -> str:
    """Two conventions are in use, a factor of 2 apart: the weights say which."""
    positive = sum(weight for weight in effect.weights.values() if weight > 0)
    if abs(positive - 1) < 1e-6:
        return " (half of what one changes in the effect of the other)"
    return " (what one changes in the effect of the other)" if abs(positive - 2) < 1e-6 else ""


def p_text(p: float) -> str:
    """A p-value without false precision."""
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def range_text(limits: Range | None, scale: Scale) -> str:
    """'[0.25, 0.59]', or nothing."""
    return "" if limits is None else f"[{scale.value(limits.low)}, {scale.value(limits.high)}]"


def answer(effects: tuple[Effect, ...]) -> str:
    """One sentence about a factor over the contexts it was tried in."""
    sentences = list(dict.fromkeys(effect.sentence for effect in effects))
    if len(sentences) == 1 and len(effects) > 1:
        *first, last = [place(effect.context) for effect in effects]
        return f"{sentences[0]} ({'both ' if len(effects) == 2 else ''}{', '.join(first)} and {last})"
    return "; ".join(f"{place(effect.context)}: {effect.sentence}" for effect in effects)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
