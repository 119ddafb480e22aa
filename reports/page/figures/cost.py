"""Cost beside gain: how much longer a training step takes against how much the factor improves."""

from markupsafe import Markup

from reports.formats.text import effect_text, ratio_text
from reports.page.figures.forest import tone_of
from reports.page.figures.labels import LabelledPoint, place_labels
from reports.page.figures.svg import axis_around, dot, drawing, join, line, number, percent, rect, text
from reports.page.tables import Table
from reports.results.effect import Effect
from reports.scale import Scale

HEIGHT_PX, TOP_PX, BOTTOM_PX = 380, 14, 334


def draw_cost(effects: tuple[Effect, ...], scale: Scale, delta: float) -> Markup | None:
    """Step-time ratio across, improvement up; None where no step was timed.

    Args:
        effects: of one context, so that each factor is one point.
        scale: of the metric that decides.
        delta: smallest improvement worth caring about.
    """
    timed = _timed(effects)
    if not timed:
        return None
    across, up = [1.0], [0.0, delta, -delta]
    for effect in timed:
        assert effect.step_ratio is not None and effect.estimate is not None
        ratio_limits, limits = effect.step_ratio.ci95, effect.ci95
        across += [effect.step_ratio.value] if ratio_limits is None else [ratio_limits.low, ratio_limits.high]
        up += [scale.gain(effect.estimate)] if limits is None else [scale.gain(limits.low), scale.gain(limits.high)]
    x = axis_around([*across, min(across) - 0.02, max(across) + 0.02], start=9, end=97)
    y = axis_around(up, start=BOTTOM_PX, end=TOP_PX)
    parts = [
        rect("9%", y.at(delta), "88%", y.at(-delta) - y.at(delta), "band"),
        *(line(percent(x.at(t)), TOP_PX, percent(x.at(t)), BOTTOM_PX, "grid") for t in x.ticks()),
        *(text(percent(x.at(t)), BOTTOM_PX + 17, f"{number(t)}x", "tick") for t in x.ticks()),
        *(line("9%", y.at(t), "97%", y.at(t), "grid") for t in y.ticks()),
        *(text("8%", y.at(t) + 4, number(t), "tick", anchor="end") for t in y.ticks()),
        line("9%", y.at(0), "97%", y.at(0), "zero"),
        line(percent(x.at(1)), TOP_PX, percent(x.at(1)), BOTTOM_PX, "zero"),
        text("9%", BOTTOM_PX + 38, "← faster step", "hint", anchor="start"),
        text("97%", BOTTOM_PX + 38, "slower step →", "hint", anchor="end"),
    ]
    points = []
    for effect in timed:
        assert effect.step_ratio is not None and effect.estimate is not None
        tone = tone_of(effect)
        middle, height = percent(x.at(effect.step_ratio.value)), y.at(scale.gain(effect.estimate))
        if effect.ci95 is not None:
            ends = [y.at(scale.gain(value)) for value in (effect.ci95.low, effect.ci95.high)]
            parts.append(line(middle, ends[0], middle, ends[1], f"cross {tone}"))
        if effect.step_ratio.ci95 is not None:
            left, right = (percent(x.at(v)) for v in (effect.step_ratio.ci95.low, effect.step_ratio.ci95.high))
            parts.append(line(left, height, right, height, f"cross {tone}"))
        parts.append(dot(middle, height, 6, f"point {tone}"))
        points.append(LabelledPoint(effect.factor, x.at(effect.step_ratio.value), height))
    parts.extend(place_labels(points, TOP_PX))
    listed = "; ".join(f"{e.factor} {ratio_text(e.step_ratio)}, {effect_text(e, scale)}" for e in timed)
    label = f"Step time against improvement in {scale.title} of {len(timed)} factors"
    return drawing(join(parts), height=HEIGHT_PX, label=label, told=listed, css="scatter")


def cost_table(effects: tuple[Effect, ...], scale: Scale) -> Table | None:
    """The twin of the scatter; None where no step was timed."""
    rows = tuple(
        (effect.factor, effect_text(effect, scale), ratio_text(effect.step_ratio)) for effect in _timed(effects)
    )
    return Table(("factor", f"difference in {scale.title}", "time of a step"), rows) if rows else None


def _timed(effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if effect.step_ratio is not None and effect.estimate is not None]
