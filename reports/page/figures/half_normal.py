"""Which effects of a screen stand out of the sizes that luck alone would give."""

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.labels import LabelledPoint, place_labels
from reports.page.figures.svg import Axis, dot, drawing, join, line, number, percent, text
from reports.page.tables import Table
from reports.results.half_normal import HalfNormalAnalysis
from reports.scale import Scale

HEIGHT_PX, TOP_PX, BOTTOM_PX = 384, 22, 338
START, END = 9.0, 97.0
LETTERS_PX = 16


def draw_half_normal(analysis: HalfNormalAnalysis, scale: Scale) -> Figure:
    """Half-normal quantile across, size up; the slanted line is luck, the level ones are its limits."""
    points = analysis.points
    x = Axis(0.0, points[-1].quantile * 1.12, START, END)
    y = Axis(0.0, max(points[-1].size, analysis.limit_of_all) * 1.08, BOTTOM_PX, TOP_PX)
    reach = min(x.high, y.high / analysis.standard_error)
    one, every = y.at(analysis.limit), y.at(analysis.limit_of_all)
    parts = [
        *(line("9%", y.at(t), "97%", y.at(t), "grid") for t in y.ticks()),
        *(text("8%", y.at(t) + 4, number(t), "tick", anchor="end") for t in y.ticks()),
        *(text(percent(x.at(t)), BOTTOM_PX + 17, number(t), "tick") for t in x.ticks()),
        line("9%", BOTTOM_PX, "97%", BOTTOM_PX, "zero"),
        line("9%", BOTTOM_PX, percent(x.at(reach)), y.at(reach * analysis.standard_error), "luck-line"),
        line("9%", one, "97%", one, "delta"),
        line("9%", every, "97%", every, "delta far"),
        *_limit_names(one, every, len(points)),
        text("9%", BOTTOM_PX + 38, "half-normal quantile →", "hint", anchor="start"),
        text("9%", TOP_PX - 4, f"size of the effect, {scale.unit or scale.title} ↑", "hint", anchor="start"),
    ]
    names: list[LabelledPoint] = []
    for point in points:
        outside = point.size > analysis.limit
        tone = ("good" if point.gain > 0 else "bad") if outside else "open"
        at, height = percent(x.at(point.quantile)), y.at(point.size)
        parts.append(
            dot(at, height, 6 if outside else 5, f"point {tone}", f"{point.factor}: {_size(point.gain, scale)}")
        )
        if outside:
            names.append(LabelledPoint(point.factor, x.at(point.quantile), height))
    parts += place_labels(names, TOP_PX)
    outside = [point for point in reversed(points) if point.size > analysis.limit]
    told = "; ".join(f"{point.factor} {_size(point.gain, scale)}" for point in outside) or "none"
    label = f"Half-normal plot of {len(points)} effects on {scale.title}"
    svg = drawing(
        join(parts), height=HEIGHT_PX, label=label, told=f"above the limit of one effect: {told}", css="scatter"
    )
    return Figure(svg, _table(analysis, scale))


def _limit_names(one: float, every: float, count: int) -> list[Markup]:
    """Above their lines, or as one where they would lie on each other."""
    if one - every < LETTERS_PX:
        words = f"limits of one effect and of all {count}"
        return [text("97%", every - 5, words, "row-name", anchor="end")]
    return [
        text("97%", every - 5, f"limit of all {count}", "row-name", anchor="end"),
        text("97%", one - 5, "limit of one effect", "row-name", anchor="end"),
    ]


def _size(gain: float, scale: Scale) -> str:
    return f"{scale.difference(scale.gain(gain))}"


def _table(analysis: HalfNormalAnalysis, scale: Scale) -> Table:
    columns = ("effect", "context", "estimate", "size", "half-normal quantile", "above the limit of")
    rows = tuple(
        (
            point.factor,
            point.context,
            _size(point.gain, scale),
            scale.value(point.size),
            f"{point.quantile:.2f}",
            "all effects"
            if point.size > analysis.limit_of_all
            else "one effect"
            if point.size > analysis.limit
            else "none",
        )
        for point in reversed(analysis.points)
    )
    return Table(columns, rows)
