"""Luck, drawn: the band behind every effect, and the strips of bare's repeats."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reports.page.figures.svg import Axis, axis_around, dot, drawing, join, line, number, percent, rect, text
from reports.results.noise import NoiseFloor, Repeats
from reports.results.ranges import Range
from reports.scale import Scale

ROW_HEIGHT_PX = 26


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """The runs of one arm, or its differences to bare, as dots on an axis that rows share."""

    label: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class NoisePlot:
    """Rows and their axis."""

    rows: tuple[NoiseRow, ...]
    axis: Markup


def noise_half_width(floor: NoiseFloor | None, num_seeds: int, sum_squared_weights: float = 2.0) -> float | None:
    """Half of the band behind an effect over these seeds (`NoiseFloor.half_width`); None: there is nothing to draw."""
    return None if floor is None or num_seeds == 0 else floor.half_width(num_seeds, sum_squared_weights)


def noise_band(axis: Axis, half_width: float | None) -> Markup:
    """What luck alone would give, as a shade from top to bottom; nothing where its width is unknown."""
    return Markup("") if half_width is None else _shade(axis, Range(low=-half_width, high=half_width))


def draw_repeats(repeats: Repeats | None, scale: Scale) -> NoisePlot | None:
    """Every run of bare's recipe, a row for each arm; None below two runs."""
    if repeats is None or sum(len(values) for values in repeats.scores.values()) < 2:
        return None
    axis = axis_around((v for values in repeats.scores.values() for v in values.values()), start=2, end=98)
    rows = tuple(_row(name, values, axis, scale.value, None) for name, values in repeats.scores.items())
    return NoisePlot(rows, _axis_drawing(axis, scale))


def draw_differences(repeats: Repeats | None, scale: Scale) -> NoisePlot | None:
    """The A/A differences seed by seed, on the band of their mean; None where there are none."""
    if repeats is None or not any(repeats.differences.values()):
        return None
    band = repeats.band
    limits = [] if band is None else [band.low, band.high]
    found = [v for values in repeats.differences.values() for v in values.values()]
    axis = axis_around([0.0, *limits, *found], start=2, end=98)
    rows = tuple(
        _row(f"{name} minus bare", values, axis, scale.difference, band)
        for name, values in repeats.differences.items()
        if values
    )
    return NoisePlot(rows, _axis_drawing(axis, scale))


def _row(
    label: str, values: dict[int, float], axis: Axis, shown: Callable[[float], str], band: Range | None
) -> NoiseRow:
    mean = float(np.mean([*values.values()]))
    parts = [] if band is None else [_shade(axis, band)]
    parts += [line(percent(axis.at(tick)), 0, percent(axis.at(tick)), "100%", "grid") for tick in axis.ticks()]
    parts.append(line(percent(axis.at(mean)), 4, percent(axis.at(mean)), ROW_HEIGHT_PX - 4, "ci open"))
    parts += [
        dot(percent(axis.at(value)), ROW_HEIGHT_PX / 2, 3.6, "seed open", f"seed {seed}: {shown(value)}")
        for seed, value in values.items()
    ]
    name, told = f"{label}: mean {shown(mean)}", f"by seed {', '.join(shown(value) for value in values.values())}"
    return NoiseRow(label, drawing(join(parts), height=ROW_HEIGHT_PX, label=name, told=told, css="strip"))


def _shade(axis: Axis, limits: Range) -> Markup:
    low, high = axis.at(limits.low), axis.at(limits.high)
    return rect(percent(low), 0, percent(high - low), "100%", "luck")


def _axis_drawing(axis: Axis, scale: Scale) -> Markup:
    ticks = [text(percent(axis.at(tick)), 14, number(tick), "tick") for tick in axis.ticks()]
    return drawing(join(ticks), height=20, label=f"axis in {scale.unit or scale.title}", css="axis")
