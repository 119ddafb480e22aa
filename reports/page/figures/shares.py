"""Shapley bars: what each factor adds to the gain of full over bare, whatever the order."""

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.svg import Axis, axis_around, drawing, join, line, number, percent, rect, shortened, text
from reports.page.tables import NONE, Table
from reports.results.orders import ShareAnalysis
from reports.results.ranges import Range
from reports.scale import Scale
from reports.wording import level_text, range_text

ROW_PX, TOP_PX, BAR_PX = 44, 6, 16
MAX_LETTERS = 22  # of a name beside its numbers, on a phone
TOTAL = "full minus bare"


def draw_shares(analysis: ShareAnalysis, scale: Scale) -> Figure:
    """A bar a factor, to either side of 0, largest improvement first, and their sum below."""
    shares = sorted(analysis.shares, key=lambda s: -scale.gain(s.estimate) if s.estimate is not None else float("inf"))
    rows = [(share.factor, share.estimate, share.ci95, share.order_half_width) for share in shares]
    rows.append((TOTAL, analysis.total, analysis.total_ci95, None))
    values = [0.0]
    for _, estimate, limits, orders in rows:
        values += [] if estimate is None else [estimate]
        values += [] if limits is None else [limits.low, limits.high]
        values += [] if estimate is None or orders is None else [estimate - orders, estimate + orders]
    x = axis_around(values, start=2, end=98)
    bottom = TOP_PX + ROW_PX * len(rows) + 6
    parts = [line(percent(x.at(t)), TOP_PX, percent(x.at(t)), bottom, "grid") for t in x.ticks()]
    parts += [text(percent(x.at(t)), bottom + 17, number(t), "tick") for t in x.ticks()]
    names: list[Markup] = []
    for index, (name, estimate, limits, orders) in enumerate(rows):
        whole = index == len(rows) - 1
        top = TOP_PX + ROW_PX * index + (6 if whole else 0)
        if whole:
            parts.append(line("2%", top - 2, "98%", top - 2, "rule"))
        words = f"{shortened(name, MAX_LETTERS)}  {_number(estimate, limits, scale)}"
        names.append(text("2%", top + 14, words, "row-name", anchor="start"))
        if estimate is not None:
            parts += _bar(x, estimate, limits, orders, top + 29, whole, scale)
    parts.append(line(percent(x.at(0)), TOP_PX, percent(x.at(0)), bottom, "zero"))
    parts += names  # on top of the lines
    left, right = ("← takes from the gain", "adds to it →")
    if not scale.higher_is_better:
        left, right = ("← adds to the gain", "takes from it →")
    parts += [
        text("2%", bottom + 36, left, "hint", anchor="start"),
        text("98%", bottom + 36, right, "hint", anchor="end"),
    ]
    told = "; ".join(f"{name} {_number(estimate, limits, scale)}" for name, estimate, limits, _ in rows)
    label = f"Shares of {len(shares)} factors in the gain of full over bare in {scale.title}"
    svg = drawing(join(parts), height=bottom + 44, label=label, told=told, css="scatter")
    return Figure(svg, _table(analysis, scale))


def _bar(
    x: Axis, estimate: float, limits: Range | None, orders: float | None, middle: float, whole: bool, scale: Scale
) -> list[Markup]:
    tone = "flat" if whole else "good" if scale.gain(estimate) > 0 else "bad"
    low, high = sorted((x.at(0), x.at(estimate)))
    parts = [rect(percent(low), middle - BAR_PX / 2, percent(max(high - low, 0.3)), BAR_PX, f"bar {tone}")]
    if orders is not None:
        ends = (percent(x.at(estimate - orders)), percent(x.at(estimate + orders)))
        parts.append(line(ends[0], middle + 11, ends[1], middle + 11, "orders"))
    if limits is not None:
        ends = (percent(x.at(limits.low)), percent(x.at(limits.high)))
        parts.append(line(ends[0], middle, ends[1], middle, "whisker"))
        parts += [line(end, middle - 5, end, middle + 5, "whisker") for end in ends]
    return parts


def _number(estimate: float | None, limits: Range | None, scale: Scale) -> str:
    return "no result yet" if estimate is None else f"{scale.difference(estimate)} {range_text(limits, scale)}".rstrip()


def _table(analysis: ShareAnalysis, scale: Scale) -> Table:
    columns = ("factor", "share", f"{level_text(analysis.level)} CI", "other orders could move it by (95%)")
    rows = [
        (
            share.factor,
            NONE if share.estimate is None else scale.difference(share.estimate),
            range_text(share.ci95, scale) or NONE,
            NONE if share.order_half_width is None else f"±{scale.value(share.order_half_width)}{scale.suffix}",
        )
        for share in analysis.shares
    ]
    rows.append(("sum of the shares", NONE if analysis.sum is None else scale.difference(analysis.sum), NONE, NONE))
    rows.append(
        ("full minus bare", NONE if analysis.total is None else scale.difference(analysis.total),
         range_text(analysis.total_ci95, scale) or NONE, NONE)
    )  # fmt: skip
    if analysis.num_orders is None:
        return Table(columns[:3], tuple(row[:3] for row in rows))
    return Table(columns, tuple(rows))
