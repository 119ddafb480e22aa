"""Pairs of factors as a triangle: what each pair adds or takes beyond the sum of its two."""

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.svg import drawing, hatch, join, text
from reports.page.tables import NONE, Table
from reports.results.interactions import InteractionAnalysis, Pair
from reports.scale import Scale
from reports.wording import level_text, p_text, range_text

CELL_WIDTH_PX, CELL_HEIGHT_PX, GAP_PX = 104, 56, 4
LETTER_PX = 8.0  # a wide guess, so that no name is cut off at the right
WEAKEST, STRONGEST = 0.18, 0.52
"""Opacity of the fill, by size: dark letters must stay readable on all of them."""


def draw_interaction_map(analysis: InteractionAnalysis, scale: Scale) -> Figure:
    """Filled where the interval leaves out 0, hollow where it does not, hatched where another effect may be in it."""
    step_x, step_y = CELL_WIDTH_PX + GAP_PX, CELL_HEIGHT_PX + GAP_PX
    edge = 1  # half of a stroke would be cut off at the edge of the drawing
    largest = max((abs(pair.estimate) for pair in analysis.pairs if pair.estimate is not None), default=0.0)
    parts: list[Markup] = []
    for row, name in enumerate(analysis.factors):
        # Each name stands on the diagonal: at the end of its row and on top of its column.
        parts.append(text(str(row * step_x + 6), row * step_y + CELL_HEIGHT_PX / 2 + 5, name, "name", anchor="start"))
        for column, other in enumerate(analysis.factors[:row]):
            pair = analysis.pair(name, other)
            if pair is not None and pair.state != "not estimable":
                parts.append(_cell(pair, column * step_x + edge, row * step_y + edge, largest, scale))
    size = len(analysis.factors)
    told = "; ".join(_told(pair, scale) for pair in analysis.pairs)
    svg = drawing(
        join(parts),
        width=str(max(round(row * step_x + 12 + LETTER_PX * len(name)) for row, name in enumerate(analysis.factors))),
        height=size * step_y - GAP_PX + 2 * edge,
        label=f"Interactions of {size} factors in {scale.title}, pair by pair",
        told=told,
        css="pairs",
    )
    return Figure(svg, _table(analysis, scale))


def _cell(pair: Pair, left: float, top: float, largest: float, scale: Scale) -> Markup:
    hollow = not pair.clear_of_zero
    tone = "open" if pair.estimate is None else "good" if scale.gain(pair.estimate) > 0 else "bad"
    share = abs(pair.estimate or 0.0) / largest if largest else 0.0
    opacity = 0.0 if hollow else WEAKEST + (STRONGEST - WEAKEST) * share
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="5"').format(left, top, CELL_WIDTH_PX, CELL_HEIGHT_PX)
    parts = [
        Markup('{} class="pair {}{}" fill-opacity="{:.2f}"/>').format(box, tone, " hollow" if hollow else "", opacity)
    ]
    if pair.state == "aliased":
        parts.append(hatch(left, top, CELL_WIDTH_PX, CELL_HEIGHT_PX))
    middle = left + CELL_WIDTH_PX / 2
    if pair.estimate is None:
        words = _in_others(pair) if pair.mixed_with else "no result yet"
        parts.append(text(str(middle), top + CELL_HEIGHT_PX / 2 + 4, words, "pair-note"))
    else:
        high = top + (CELL_HEIGHT_PX / 2 - 3)
        parts.append(text(str(middle), high, scale.difference(pair.estimate), "pair-value"))
        parts.append(text(str(middle), high + 18, range_text(pair.ci95, scale) or "no interval", "pair-range"))
    return Markup("<g><title>{}</title>{}</g>").format(_told(pair, scale), join(parts))


def _in_others(pair: Pair) -> str:
    return "in a main effect" if any(" x " not in name for name in pair.mixed_with) else "in another pair"


def _told(pair: Pair, scale: Scale) -> str:
    name = f"{pair.first} x {pair.second}"
    mixed = f", mixed with {', '.join(pair.mixed_with)}" if pair.mixed_with else ""
    if pair.state in ("not estimable", "no result yet"):
        return f"{name}: {pair.state}{mixed}"
    if pair.estimate is None:
        return f"{name}: not told apart{mixed}"
    return f"{name}: {scale.difference(pair.estimate)} {range_text(pair.ci95, scale)}{mixed}".replace(" ,", ",")


def _table(analysis: InteractionAnalysis, scale: Scale) -> Table:
    columns = ("pair", "interaction", f"{level_text(analysis.level)} CI", "BH q", "state", "mixed with")
    rows = tuple(
        (
            f"{pair.first} x {pair.second}",
            NONE if pair.estimate is None else scale.difference(pair.estimate),
            range_text(pair.ci95, scale) or NONE,
            NONE if pair.q is None else p_text(pair.q),
            pair.state,
            ", ".join(pair.mixed_with) or NONE,
        )
        for pair in analysis.pairs
    )
    return Table(columns, rows)
