"""Names beside the points of a scatter, moved apart where they would touch."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures.svg import percent, text

LABEL_GAP_PX = 17.0


@dataclass(frozen=True, slots=True)
class LabelledPoint:
    """`x` in percent of the width, `y` in pixels."""

    name: str
    x: float
    y: float


def place_labels(points: Sequence[LabelledPoint], top_px: float) -> list[Markup]:
    """One name per point, moved apart vertically where they would touch, with a thread back to the point."""
    parts: list[Markup] = []
    below = top_px - LABEL_GAP_PX
    for point in sorted(points, key=lambda p: p.y):
        height = max(point.y, below + LABEL_GAP_PX)
        below = height
        on_left = point.x > 72
        anchor, dx = ("end", -12) if on_left else ("start", 12)
        if height - point.y > 3:
            parts.append(
                Markup('<svg x="{}" y="0" overflow="visible"><path d="M0 {} L{} {}" class="thread"/></svg>').format(
                    percent(point.x), point.y, dx * 0.8, height
                )
            )
        parts.append(text(percent(point.x), height + 4, point.name, "name", anchor=anchor, dx=dx))
    return parts
