"""The sentences around a verdict: the setting it holds in, and the form to quote."""

from typing import Any

from pipeline.spec.study import Context, StudyPlan
from reports.results import Effect, Range
from reports.scale import Scale


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
    return ", ".join(part for part in parts if part)


def action(effect: Effect) -> str:
    """What was done: 'adding mixup to bare'."""
    if effect.context == "added to bare":
        return f"adding {effect.factor} to {effect.reference}"
    return f"having {effect.factor} in {effect.treatment}"


def quote(effect: Effect, setting: str, scale: Scale, num_comparisons: int) -> str:
    """The whole finding in one sentence that can stand alone."""
    if effect.estimate is None or effect.ci95 is None or effect.p_holm is None:
        return ""
    correction = f"Holm p={p_text(effect.p_holm)} over {num_comparisons}" if not effect.control else (
        f"p={p_text(effect.p_holm)}, control"
    )  # fmt: skip
    start = f"On {setting}, {action(effect)}" if setting else action(effect).capitalize()
    return (
        f"{start} changed {scale.title} by {scale.difference(effect.estimate)} (95% CI "
        f"{scale.value(effect.ci95.low)} to {scale.value(effect.ci95.high)}; {effect.n} paired seeds; "
        f"{effect.method}, df {effect.df:g}; {correction})."
    )


def p_text(p: float) -> str:
    """A p-value without false precision."""
    return "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def range_text(limits: Range | None, scale: Scale) -> str:
    """'[0.25, 0.59]', or nothing."""
    return "" if limits is None else f"[{scale.value(limits.low)}, {scale.value(limits.high)}]"


def place(context: Context) -> str:
    """Where a factor was judged. "Removed from full: hurts" would read as if the removal hurt."""
    return "added to bare" if context == "added to bare" else "within the full recipe"


def answer(effects: tuple[Effect, ...]) -> str:
    """One sentence about a factor over the contexts it was tried in."""
    sentences = list(dict.fromkeys(effect.sentence for effect in effects))
    if len(sentences) == 1 and len(effects) > 1:
        return f"{sentences[0]} (both {' and '.join(place(effect.context) for effect in effects)})"
    return "; ".join(f"{place(effect.context)}: {effect.sentence}" for effect in effects)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
