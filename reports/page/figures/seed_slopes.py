"""Both arms of a comparison side by side, a line for each seed: does the change hold in all of them?"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures.svg import (
    Axis,
    axis_around,
    dot,
    join,
    line,
    number,
    picture,
    polyline,
    rect,
    shortened,
    text,
)
from reports.page.tables import NONE, Table
from reports.results.seed_pairs import SeedPair, SeedPairs
from reports.scale import Scale

WIDTH, HEIGHT = 300.0, 196.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 10.0, 162.0
REFERENCE_X, TREATMENT_X = 106.0, 232.0
CROSS_Y = BOTTOM - 9
"""Height of the crosses: a run that failed has no level."""
MAX_LETTERS = 19


@dataclass(frozen=True, slots=True)
class SlopePanel:
    """One comparison."""

    caption: str
    summary: str
    svg: Markup


def draw_seed_slopes(pairs: Sequence[SeedPairs], scale: Scale) -> tuple[SlopePanel, ...]:
    """A panel for each comparison of two arms.

    All axes have the same span, so that a steeper line is a larger change, and each is moved to its own levels. Only
    controls have a span of their own: mislabelled images would press everything else flat.
    """
    spans = {True: 0.0, False: 0.0}
    for found in pairs:
        levels = _levels(found)
        spans[found.control] = max(spans[found.control], max(levels) - min(levels))
    return tuple(
        SlopePanel(
            f"{found.factor}, {found.context}",
            _summary(found),
            _panel(found, _axis(_levels(found), spans[found.control]), scale),
        )
        for found in pairs
    )


def _levels(found: SeedPairs) -> list[float]:
    return [value for pair in found.seeds for value in (pair.reference, pair.treatment) if value is not None]


def _axis(levels: Sequence[float], span: float) -> Axis:
    middle = (min(levels) + max(levels)) / 2
    return axis_around([middle - span / 2, middle + span / 2], start=CROSS_Y - 12, end=TOP)


def seed_table(pairs: Sequence[SeedPairs], scale: Scale) -> Table | None:
    """The twin of the panels; None without any."""
    if not pairs:
        return None
    seeds = [f"seed {pair.seed}" for pair in pairs[0].seeds]
    rows = tuple(
        (found.factor, found.context, *(_change(pair, scale) for pair in found.seeds), _summary(found))
        for found in pairs
    )
    return Table(("factor", "context", *seeds, "better"), rows)


def _summary(found: SeedPairs) -> str:
    return f"{found.num_better} of {found.num_paired} seeds better"


def _change(pair: SeedPair, scale: Scale) -> str:
    return f"{_level(pair.reference, pair.reference_failed, scale)} → " + _level(
        pair.treatment, pair.treatment_failed, scale
    )


def _level(value: float | None, failed: bool, scale: Scale) -> str:
    if value is None:
        return "failed" if failed else NONE
    return scale.value(value)


def _panel(found: SeedPairs, y: Axis, scale: Scale) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(4):
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(tick), "tick", anchor="end"))
    parts.append(text(str(REFERENCE_X), BOTTOM + 17, shortened(found.reference_arm, MAX_LETTERS), "tick"))
    parts.append(text(str(TREATMENT_X), BOTTOM + 17, shortened(found.treatment_arm, MAX_LETTERS), "tick"))
    for pair in found.seeds:
        ends = (
            (REFERENCE_X, pair.reference, pair.reference_failed),
            (TREATMENT_X, pair.treatment, pair.treatment_failed),
        )
        if pair.reference is not None and pair.treatment is not None:
            gain = scale.gain(pair.treatment - pair.reference)
            tone = "up" if gain > 0 else "down" if gain < 0 else "level"
            points = [(REFERENCE_X, y.at(pair.reference)), (TREATMENT_X, y.at(pair.treatment))]
            parts.append(polyline(points, f"slope {tone}"))
        for x, value, failed in ends:
            if value is not None:
                parts.append(dot(str(x), y.at(value), 3.6, "seed flat", f"seed {pair.seed}: {scale.value(value)}"))
            elif failed:
                parts.append(_cross(x + 10 * _place(found, pair), f"seed {pair.seed} failed"))
    told = "; ".join(f"seed {pair.seed}: {_change(pair, scale)}" for pair in found.seeds)
    label = f"{found.factor}, {found.context}: {scale.title} by seed, {_summary(found)}"
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="panel")


def _cross(x: float, title: str) -> Markup:
    cross = Markup('<g><title>{}</title><path d="M{:g} {:g}l8 8m0 -8l-8 8" class="failed-end"/></g>')
    return cross.format(title, x - 4, CROSS_Y - 4)


def _place(found: SeedPairs, pair: SeedPair) -> float:
    """Crosses of several seeds stand beside each other."""
    return found.seeds.index(pair) - (len(found.seeds) - 1) / 2
