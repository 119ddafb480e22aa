"""Loss against learning rate, on a log scale, with the rate to try."""

import math

from reports.page.figure import Figure
from reports.page.figures.svg import Axis, axis_around, dot, join, line, number, picture, polyline, text
from reports.page.tables import NONE, Table
from reports.results.range_test import RangeTest

WIDTH, HEIGHT = 720.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 706.0, 26.0, 262.0


def draw_range_test(test: RangeTest) -> Figure | None:
    """Each step as a dot, the smoothed loss as a line; None below two steps. A loss that ran away leaves the top."""
    if len(test.rates) < 2:
        return None
    x = Axis(math.log10(test.rates[0]), math.log10(test.rates[-1]), LEFT, RIGHT)
    ceiling = max(test.losses[0], min(max(test.losses), 1.2 * test.losses[0]))
    y = axis_around([min(test.losses), ceiling], start=BOTTOM, end=TOP)
    at = [x.at(math.log10(rate)) for rate in test.rates]
    powers = range(math.ceil(x.low - 1e-9), math.floor(x.high + 1e-9) + 1)
    parts = [line(str(LEFT), y.at(t), str(RIGHT), y.at(t), "grid") for t in y.ticks()]
    parts += [text(str(LEFT - 6), y.at(t) + 4, number(t), "tick", anchor="end") for t in y.ticks()]
    parts += [text(str(x.at(power)), BOTTOM + 18, f"{10.0**power:g}", "tick") for power in powers]
    parts += [
        dot(str(across), y.at(loss), 3, "seed open", f"rate {rate:.3g}: loss {loss:.4g}")
        for across, rate, loss in zip(at, test.rates, test.losses, strict=True)
        if loss <= y.high
    ]
    inside = [(across, y.at(value)) for across, value in zip(at, test.smooth, strict=False) if value <= y.high]
    if len(inside) > 1:
        parts.append(polyline(inside, "curve bold"))
    if test.suggestion is not None:
        there = str(x.at(math.log10(test.suggestion)))
        parts.append(line(there, TOP - 4, there, BOTTOM, "now"))
        parts.append(text(there, TOP - 10, f"{test.suggestion:.2g}", "row-name"))
    parts += [
        text(str(LEFT), BOTTOM + 46, "learning rate, log scale →", "hint", anchor="start"),
        text(str(RIGHT), BOTTOM + 46, "training loss ↑; line: smoothed", "hint", anchor="end"),
    ]
    told = ("no clear descent" if test.suggestion is None else f"it falls most steeply at {test.suggestion:.2g}") + (
        f"; lowest at {test.lowest_at:.2g}" if test.lowest_at is not None else ""
    )
    label = f"Training loss over {len(test.rates)} rates from {test.rates[0]:.2g} to {test.rates[-1]:.2g}"
    svg = picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="power")
    smooth = [f"{value:.4g}" for value in test.smooth] or [NONE] * len(test.rates)
    rows = tuple(
        (f"{rate:.3g}", f"{loss:.4g}", line_at)
        for rate, loss, line_at in zip(test.rates, test.losses, smooth, strict=True)
    )
    return Figure(svg, Table(("learning rate", "training loss", "smoothed"), rows))
