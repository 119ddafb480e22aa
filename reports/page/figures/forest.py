"""The lead figure: every factor's effect with its interval, the band that nobody cares about, and every seed."""

from dataclasses import dataclass

from markupsafe import Markup

from pipeline.spec.study import Context
from reports.formats.text import contexts_of, effect_text
from reports.page.figures.noise import noise_band, noise_half_width
from reports.page.figures.svg import Axis, axis_around, dot, drawing, join, line, number, percent, rect, text
from reports.results.effect import Effect
from reports.results.noise import NoiseFloor
from reports.scale import Scale
from reports.stats.verdict import Verdict
from reports.wording import heading

STRIP_HEIGHT_PX = 46
Tone = str


@dataclass(frozen=True, slots=True)
class Strip:
    """One effect, drawn, with its number and verdict beside it as text."""

    context: Context
    svg: Markup
    numbers: str
    verdict: str
    tone: Tone
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One factor in each context; None where it was not planned."""

    factor: str
    strips: tuple[Strip | None, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows that share one axis."""

    headings: tuple[str, ...]  # of the contexts
    rows: tuple[ForestRow, ...]
    axis: Markup


def tone_of(effect: Effect) -> Tone:
    """Colour group of a verdict: good, bad, flat (known to be small) or open (nothing can be said)."""
    if effect.verdict.helps:
        return "good"
    if effect.verdict.hurts or effect.verdict is Verdict.UNSTABLE:
        return "bad"
    if effect.verdict in (Verdict.NO_MEANINGFUL_DIFFERENCE, Verdict.NO_EVIDENCE, Verdict.NO_EFFECT):
        return "flat"
    return "open"


def draw_forest(
    effects: tuple[Effect, ...], scale: Scale, delta: float, floor: NoiseFloor | None = None
) -> Forest | None:
    """Draw all effects on one axis; None where there is nothing to show yet: no difference, and no two arms alike.

    Args:
        effects: rows by factor, columns by context.
        scale: of the deciding metric.
        delta: below it nobody would care.
        floor: what luck alone would give is drawn behind each effect.
    """
    if not any(effect.differences or effect.verdict is Verdict.NO_EFFECT for effect in effects):
        return None
    axis = _axis(effects, delta, floor)
    contexts = contexts_of(effects)
    by_place = {(effect.factor, effect.context): effect for effect in effects}
    rows = tuple(
        ForestRow(
            factor,
            tuple(
                None
                if (effect := by_place.get((factor, context))) is None
                else _strip(effect, axis, scale, delta, floor)
                for context in contexts
            ),
        )
        for factor in dict.fromkeys(effect.factor for effect in effects)
    )
    return Forest(tuple(heading(context) for context in contexts), rows, _axis_drawing(axis, scale))


def _axis(effects: tuple[Effect, ...], delta: float, floor: NoiseFloor | None) -> Axis:
    values = [-delta, delta, 0.0]
    for effect in effects:
        values.extend(effect.differences.values())
        if effect.ci95 is not None:
            values.extend((effect.ci95.low, effect.ci95.high))
        if (half := _half_of_luck(effect, floor)) is not None:
            values.extend((-half, half))
    return axis_around(values, start=2, end=98)


def _half_of_luck(effect: Effect, floor: NoiseFloor | None) -> float | None:
    squares = sum(weight**2 for weight in effect.weights.values())
    return noise_half_width(floor, effect.n, squares or 2.0)


def _strip(effect: Effect, axis: Axis, scale: Scale, delta: float, floor: NoiseFloor | None) -> Strip:
    tone = tone_of(effect)
    parts = [
        rect(percent(axis.at(-delta)), 0, percent(axis.at(delta) - axis.at(-delta)), "100%", "band"),
        noise_band(axis, _half_of_luck(effect, floor)),  # see-through, so that the narrower of the two is seen
        *(line(percent(axis.at(tick)), 0, percent(axis.at(tick)), "100%", "grid") for tick in axis.ticks()),
        line(percent(axis.at(0)), 0, percent(axis.at(0)), "100%", "zero"),
    ]
    if effect.ci95 is not None:
        low, high = percent(axis.at(effect.ci95.low)), percent(axis.at(effect.ci95.high))
        parts.append(line(low, 17, high, 17, f"ci {tone}"))
        parts.extend(line(x, 12, x, 22, f"ci {tone}") for x in (low, high))
    if effect.estimate is not None:
        parts.append(dot(percent(axis.at(effect.estimate)), 17, 6, f"point {tone}"))
    parts.extend(
        dot(percent(axis.at(value)), 36, 3.2, f"seed {tone}", f"seed {seed}: {scale.difference(value)}")
        for seed, value in effect.differences.items()
    )
    label = f"{effect.factor}, {effect.context}: {effect_text(effect, scale)}; {effect.verdict}"
    seeds = ", ".join(scale.difference(value) for value in effect.differences.values())
    told = f"by seed {seeds}" if seeds else ""
    return Strip(
        context=effect.context,
        svg=drawing(join(parts), height=STRIP_HEIGHT_PX, label=label, told=told, css="strip"),
        numbers=effect_text(effect, scale),
        verdict=str(effect.verdict),
        tone=tone,
        notes=effect.notes,
    )


def _axis_drawing(axis: Axis, scale: Scale) -> Markup:
    left, right = ("worse", "better") if scale.higher_is_better else ("better", "worse")
    parts = [
        *(text(percent(axis.at(tick)), 14, number(tick), "tick") for tick in axis.ticks()),
        text("2%", 34, f"← {left}", "hint", anchor="start"),
        text("98%", 34, f"{right} →", "hint", anchor="end"),
    ]
    return drawing(join(parts), height=40, label=f"axis in {scale.unit or scale.title}", css="axis")
