"""Level against training time, with the arms that no other beats."""

import math

from markupsafe import Markup

from reports.page.figures.labels import LabelledPoint, place_labels
from reports.page.figures.svg import Axis, axis_around, dot, drawing, join, line, number, percent, text
from reports.results.in_depth import ParetoAnalysis, ParetoPoint
from reports.scale import Scale

HEIGHT_PX, TOP_PX, BOTTOM_PX = 380, 14, 334
MAX_NAMES = 16
"""More names than these would cover the points; then only the arms that may be on the front are named."""


def draw_pareto(analysis: ParetoAnalysis, scale: Scale) -> Markup:
    """Training time across, on a logarithmic scale; level up, so that up and left is better."""
    across, up = [], []
    for point in analysis.points:
        ends = [point.cost] if point.cost_ci95 is None else [point.cost_ci95.low, point.cost_ci95.high]
        across += [math.log(end) for end in ends]
        levels = [point.value] if point.value_ci95 is None else [point.value_ci95.low, point.value_ci95.high]
        up += [scale.gain(level) for level in levels]
    x = axis_around([*across, min(across) - 0.02, max(across) + 0.02], start=9, end=97)
    y = axis_around(up, start=BOTTOM_PX, end=TOP_PX)
    parts = [
        *(line(percent(x.at(math.log(t))), TOP_PX, percent(x.at(math.log(t))), BOTTOM_PX, "grid") for t in _ticks(x)),
        *(text(percent(x.at(math.log(t))), BOTTOM_PX + 17, f"{number(t)}x", "tick") for t in _ticks(x)),
        *(line("9%", y.at(t), "97%", y.at(t), "grid") for t in y.ticks()),
        *(text("8%", y.at(t) + 4, number(scale.gain(t)), "tick", anchor="end") for t in y.ticks()),
        text("9%", BOTTOM_PX + 38, "← less training time", "hint", anchor="start"),
        text("97%", BOTTOM_PX + 38, "more (log scale) →", "hint", anchor="end"),
    ]
    labels: list[LabelledPoint] = []
    for point in sorted(analysis.points, key=lambda p: p.mark == "solid"):  # the sure ones are drawn on top
        parts.extend(_mark(point, x, y, scale))
        if len(analysis.points) <= MAX_NAMES or point.mark != "faint":
            labels.append(LabelledPoint(point.arm, x.at(math.log(point.cost)), y.at(scale.gain(point.value))))
    parts.extend(place_labels(labels, TOP_PX))
    listed = "; ".join(
        f"{p.arm} {number(round(p.cost, 2))}x, {scale.value(p.value)}{scale.suffix}" for p in analysis.points
    )
    label, told = f"Training time against {scale.title} of every arm", f"{listed}. {analysis.sentence}"
    return drawing(join(parts), height=HEIGHT_PX, label=label, told=told, css="scatter")


def _mark(point: ParetoPoint, x: Axis, y: Axis, scale: Scale) -> list[Markup]:
    middle, height = percent(x.at(math.log(point.cost))), y.at(scale.gain(point.value))
    parts: list[Markup] = []
    if point.value_ci95 is not None:
        ends = [y.at(scale.gain(value)) for value in (point.value_ci95.low, point.value_ci95.high)]
        parts.append(line(middle, ends[0], middle, ends[1], f"cross {point.mark}"))
    if point.cost_ci95 is not None:
        left, right = (percent(x.at(math.log(value))) for value in (point.cost_ci95.low, point.cost_ci95.high))
        parts.append(line(left, height, right, height, f"cross {point.mark}"))
    return [*parts, dot(middle, height, 4 if point.mark == "faint" else 6, f"point {point.mark}")]


def _ticks(x: Axis) -> tuple[float, ...]:
    """Round ratios, about evenly spread on the logarithmic axis."""
    span = Axis(math.exp(x.low), math.exp(x.high))
    if span.high / span.low < 4:
        return span.ticks(6)
    first, last = math.ceil(math.log2(span.low)), math.floor(math.log2(span.high))
    return tuple(2.0**power for power in range(first, last + 1))
