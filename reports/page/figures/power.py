"""Was it big enough: the smallest effect that a number of seeds detects, for the spread that was measured."""

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.svg import Axis, dot, join, line, number, picture, polyline, text
from reports.page.tables import Table
from reports.results.power import PowerAnalysis
from reports.scale import Scale

WIDTH, HEIGHT = 540.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 532.0, 10.0, 246.0
LETTERS_PX = 26


def draw_power(analysis: PowerAnalysis, scale: Scale) -> Figure:
    """Number of seeds across, smallest detectable effect up; a band for how well the spread is known."""
    points = analysis.points
    here = next((point for point in points if point.num_seeds == analysis.num_seeds), None)
    # Two seeds may need ten times the effect of ten: what matters is near the study and near delta.
    shown = [point for point in points if here is None or point.num_seeds >= min(here.num_seeds, 3)]
    top = max([1.15 * analysis.delta, *(max(p.alone_range.high, p.after_correction) for p in shown[:1])])
    x = Axis(points[0].num_seeds, points[-1].num_seeds, LEFT + 8, RIGHT - 8)
    y = Axis(0.0, top * 1.05, BOTTOM, TOP)
    frame = [
        *(line(str(LEFT), y.at(t), str(RIGHT), y.at(t), "grid") for t in y.ticks()),
        *(text(str(LEFT - 6), y.at(t) + 4, number(t), "tick", anchor="end") for t in y.ticks()),
        *(text(str(x.at(t)), BOTTOM + 18, number(t), "tick") for t in x.ticks(8) if float(t).is_integer()),
        text(str(LEFT), BOTTOM + 40, "seeds →", "hint", anchor="start"),
        text(str(RIGHT), BOTTOM + 40, f"smallest effect detected, {scale.unit or scale.title} ↑", "hint", anchor="end"),
    ]
    edge = [(x.at(p.num_seeds), _high(y, p.alone_range.high)) for p in points]
    edge += [(x.at(p.num_seeds), _high(y, p.alone_range.low)) for p in reversed(points)]
    inside = [
        Markup('<polygon points="{}" class="spread"/>').format(" ".join(f"{a:.1f},{b:.1f}" for a, b in edge)),
        polyline([(x.at(p.num_seeds), _high(y, p.after_correction)) for p in points], "curve reference"),
        polyline([(x.at(p.num_seeds), _high(y, p.alone)) for p in points], "curve bold"),
    ]
    delta = y.at(analysis.delta)
    words, last = f"{scale.size(analysis.delta)}: worth caring about", points[-1]
    # Above the line at the right, unless the curves are still there; below it at the left, where they never are.
    over = max(last.alone_range.high, last.after_correction) > analysis.delta
    beside = (
        text(str(LEFT + 6), delta + 16, words, "row-name", anchor="start")
        if over and BOTTOM - delta > LETTERS_PX
        else text(str(RIGHT - 6), delta - 7, words, "row-name", anchor="end")
    )
    marks = [line(str(LEFT), delta, str(RIGHT), delta, "delta"), beside]
    if here is not None:
        at = x.at(here.num_seeds)
        marks += [
            line(str(at), TOP, str(at), BOTTOM, "now"),
            dot(str(at), y.at(here.alone), 6, "point solid"),
            text(str(at), TOP + 14, f"this study: {here.num_seeds} seeds", "name", anchor="start", dx=8),
        ]
    box = f"{LEFT} {TOP} {RIGHT - LEFT} {BOTTOM - TOP}"
    clipped = Markup('<svg x="{}" y="{}" width="{}" height="{}" viewBox="{}">{}</svg>').format(
        LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP, box, join(inside)
    )
    label = f"Smallest effect in {scale.title} found with {analysis.power:.0%} power, by number of seeds"
    svg = picture(
        join([*frame, clipped, *marks]), width=WIDTH, height=HEIGHT, label=label, told=analysis.sentence, css="power"
    )
    return Figure(svg, _table(analysis, scale))


def _high(y: Axis, value: float) -> float:
    """Like `Axis.at`, but not kept inside: a curve is cut off at the edge, not bent along it."""
    return y.start + (value - y.low) / (y.high - y.low) * (y.end - y.start)


def _table(analysis: PowerAnalysis, scale: Scale) -> Table:
    columns = ("seeds", "method", "detected alone", "for the 95% CI of the spread", "after Holm's correction", "")
    rows = tuple(
        (
            str(p.num_seeds),
            str(p.method),
            f"{scale.value(p.alone)}{scale.suffix}",
            f"{scale.value(p.alone_range.low)} to {scale.value(p.alone_range.high)}",
            f"{scale.value(p.after_correction)}{scale.suffix}",
            "this study" if p.num_seeds == analysis.num_seeds else "",
        )
        for p in analysis.points
    )
    return Table(columns, rows)
