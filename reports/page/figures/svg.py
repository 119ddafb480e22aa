"""Inline SVG by hand: no request to a host, colours from the page's own variables (so dark mode works), text as text.

Horizontal positions are percentages of the drawing's width. A drawing then fits a phone and a wide screen with
letters and dots of the same size, which a scaled viewBox cannot do.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from data to a span of the drawing."""

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0

    def at(self, value: float) -> float:
        """Position of a value, kept inside the span."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 3)

    def ticks(self, wanted: int = 5) -> tuple[float, ...]:
        """Round numbers inside the axis: about `wanted` of them, 1, 2 or 5 times a power of ten apart."""
        rough = (self.high - self.low) / max(1, wanted)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(round(step * i, 10) + 0.0 for i in range(first, last + 1))


def axis_around(values: Iterable[float], *, pad_frac: float = 0.06, start: float = 0.0, end: float = 100.0) -> Axis:
    """An axis that holds all values with some room at the ends."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    pad = (high - low) * pad_frac or max(abs(high) * pad_frac, 0.5)
    return Axis(low - pad, high + pad, start, end)


def join(parts: Iterable[Markup]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def drawing(content: Markup, *, height: float, label: str, css: str, told: str = "", width: str = "100%") -> Markup:
    """A drawing as wide as its place on the page, or as `width` says, with the text alternative.

    `label` names it; `told` is what a reader who cannot see it must hear beside that.
    """
    return Markup(
        '<svg class="{}" width="{}" height="{}" role="img" aria-label="{}"><title>{}</title>{}{}</svg>'
    ).format(css, width, height, label, label, _described(told), content)


def picture(content: Markup, *, width: float, height: float, label: str, css: str, told: str = "") -> Markup:
    """A drawing with coordinates of its own, scaled as a whole: for curves, which percentages cannot draw."""
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}{}</svg>').format(
        css, width, height, label, label, _described(told), content
    )


def hatch(left: float, top: float, width: float, height: float, *, gap: float = 9) -> Markup:
    """Slanted lines over a rectangle. Drawn one by one: a pattern would need an id that may clash on the page."""
    strokes: list[str] = []
    shift = gap / 2 - height
    while shift < width:
        x, y = max(0.0, shift), max(0.0, -shift)
        reach = min(width - x, height - y)
        strokes.append(f"M{left + x:g} {top + y:g}l{reach:g} {reach:g}")
        shift += gap
    return Markup('<path d="{}" class="hatch"/>').format("".join(strokes))


def _described(words: str) -> Markup:
    return Markup("<desc>{}</desc>").format(words) if words else Markup("")


def line(x1: str, y1: float | str, x2: str, y2: float | str, css: str) -> Markup:
    """A straight line."""
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(x1, y1, x2, y2, css)


def dot(x: str, y: float, radius: float, css: str, title: str = "") -> Markup:
    """A circle, with a tooltip where it has something to say."""
    inner = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}">{}</circle>').format(x, y, radius, css, inner)


def rect(x: str, y: float, width: str, height: float | str, css: str) -> Markup:
    """A rectangle."""
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>').format(x, y, width, height, css)


def text(x: str, y: float, words: str, css: str, *, anchor: str = "middle", dx: float = 0) -> Markup:
    """A line of text."""
    return Markup('<text x="{}" y="{}" dx="{}" text-anchor="{}" class="{}">{}</text>').format(
        x, y, dx, anchor, css, words
    )


def polyline(points: Sequence[tuple[float, float]], css: str) -> Markup:
    """A path through points in the drawing's own coordinates."""
    return Markup('<polyline points="{}" class="{}"/>').format(" ".join(f"{x:.2f},{y:.2f}" for x, y in points), css)


def percent(position: float) -> str:
    """A position as an SVG length."""
    return f"{position:.2f}%"


def number(value: float) -> str:
    """A tick's label without trailing zeros."""
    return f"{value:g}"


def shortened(words: str, letters: int) -> str:
    """Words that fit, cut with an ellipsis where they do not; the whole belongs into a title."""
    return words if len(words) <= letters else f"{words[: letters - 1]}…"
