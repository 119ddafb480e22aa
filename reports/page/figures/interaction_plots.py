"""How one pair behaves: the level with and without the first factor, a line for the second off and one for it on."""

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
from reports.results.interactions import CellMean, InteractionAnalysis, PairMeans
from reports.scale import Scale
from reports.wording import level_text, range_text

WIDTH, HEIGHT = 300.0, 214.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 10.0, 168.0
MAX_LETTERS = 13
OFF_X, ON_X, APART = 98.0, 236.0, 5.0
"""The two lines stand a little apart, so that their intervals do not lie on each other."""


@dataclass(frozen=True, slots=True)
class PairPanel:
    """One pair: parallel lines where the two do not mind each other."""

    caption: str
    svg: Markup


def draw_interaction_plots(analysis: InteractionAnalysis, scale: Scale) -> tuple[PairPanel, ...]:
    """The largest pairs, on one axis."""
    if not analysis.largest:
        return ()
    y = axis_around(
        [v for pair in analysis.largest for mean in _means(pair) for v in _ends(mean)], start=BOTTOM, end=TOP
    )
    return tuple(PairPanel(_caption(analysis, pair), _panel(pair, y, scale)) for pair in analysis.largest)


def pair_mean_table(analysis: InteractionAnalysis, scale: Scale) -> Table | None:
    """The twin of the plots; None where there are none."""
    if not analysis.largest:
        return None
    interval = f"{level_text(analysis.level)} CI"
    rows = tuple(
        (f"{pair.first} x {pair.second}", which, scale.value(mean.value), range_text(mean.ci95, scale) or NONE,
         str(pair.num_arms))
        for pair in analysis.largest
        for which, mean in zip(_which(pair), _means(pair), strict=True)
    )  # fmt: skip
    return Table(("pair", "on", scale.title, interval, "arms of the pair"), rows)


def _caption(analysis: InteractionAnalysis, pair: PairMeans) -> str:
    found = analysis.pair(pair.first, pair.second)
    mixed = ", mixed with another effect" if found is not None and found.mixed_with else ""
    return f"{pair.first} x {pair.second}{mixed}"


def _panel(pair: PairMeans, y: Axis, scale: Scale) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(4):
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(tick), "tick", anchor="end"))
    for x, words in ((OFF_X, "off"), (ON_X, "on")):
        parts.append(text(str(x), BOTTOM + 16, f"{shortened(pair.first, MAX_LETTERS)} {words}", "tick"))
    off = ((OFF_X - APART, pair.neither), (ON_X - APART, pair.first_alone))
    on = ((OFF_X + APART, pair.second_alone), (ON_X + APART, pair.both))
    for points, css, mark in ((off, "reference", "hollow"), (on, "bold", "solid")):
        parts.append(polyline([(x, y.at(mean.value)) for x, mean in points], f"curve {css}"))
        for x, mean in points:
            if mean.ci95 is not None:
                parts.append(line(str(x), y.at(mean.ci95.low), str(x), y.at(mean.ci95.high), "mean-ci"))
            parts.append(dot(str(x), y.at(mean.value), 5, f"point {mark}", scale.value(mean.value)))
    key_y = HEIGHT - 8
    parts += [
        polyline([(LEFT, key_y - 4), (LEFT + 22, key_y - 4)], "curve reference"),
        dot(str(LEFT + 11), key_y - 4, 4, "point hollow"),
        text(str(LEFT + 28), key_y, "without", "tick", anchor="start"),
        polyline([(LEFT + 84, key_y - 4), (LEFT + 106, key_y - 4)], "curve bold"),
        dot(str(LEFT + 95), key_y - 4, 4, "point solid"),
        text(str(LEFT + 112), key_y, f"with {shortened(pair.second, MAX_LETTERS)}", "tick", anchor="start"),
    ]
    told = "; ".join(
        f"{which}: {scale.value(mean.value)} {range_text(mean.ci95, scale)}".rstrip()
        for which, mean in zip(_which(pair), _means(pair), strict=True)
    )
    label = f"{pair.first} and {pair.second}: mean {scale.title} of four groups of arms"
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="panel")


def _means(pair: PairMeans) -> tuple[CellMean, CellMean, CellMean, CellMean]:
    return pair.neither, pair.first_alone, pair.second_alone, pair.both


def _which(pair: PairMeans) -> tuple[str, str, str, str]:
    return "neither", f"{pair.first} alone", f"{pair.second} alone", "both"


def _ends(mean: CellMean) -> tuple[float, ...]:
    return (mean.value,) if mean.ci95 is None else (mean.ci95.low, mean.ci95.high)
