"""A bag of tricks as a waterfall: from the bare level upwards, one factor after another in a stated order."""

from reports.page.figure import Figure
from reports.page.figures.svg import axis_around, drawing, join, line, number, percent, rect, shortened, text
from reports.page.tables import NONE, Table
from reports.results.orders import StackAnalysis, StackStep
from reports.results.ranges import Range
from reports.scale import Scale
from reports.wording import level_text, range_text

ROW_PX, TOP_PX, BAR_PX = 46, 6, 16
START, END = 2.0, 98.0
MAX_LETTERS = 21  # of a name beside its numbers, on a phone


def draw_stack(analysis: StackAnalysis, scale: Scale) -> Figure:
    """A row a step: from the level before it to the level after it, with the interval of the step at its end."""
    levels = [v for v in (analysis.start,) if v is not None]
    for limits in (analysis.start_ci95, *(step.level_range for step in analysis.steps)):
        levels += [] if limits is None else [limits.low, limits.high]
    for step in analysis.steps:
        if step.before is not None and step.gain is not None:
            levels += [step.before + gain for gain in (step.gain, *_ends(step.ci95))]
    x = axis_around(levels or [0.0, 1.0], start=START, end=END)
    bottom = TOP_PX + ROW_PX * (len(analysis.steps) + 1)
    parts = [line(percent(x.at(t)), TOP_PX, percent(x.at(t)), bottom, "grid") for t in x.ticks()]
    parts += [text(percent(x.at(t)), bottom + 17, number(t), "tick") for t in x.ticks()]
    parts.append(text("2%", TOP_PX + 14, analysis.start_arm, "row-name", anchor="start"))
    if analysis.start is not None:
        middle = TOP_PX + 30
        at = percent(x.at(analysis.start))
        if analysis.start_ci95 is not None:
            ends = (percent(x.at(analysis.start_ci95.low)), percent(x.at(analysis.start_ci95.high)))
            parts.append(line(ends[0], middle, ends[1], middle, "whisker"))
        parts.append(line(at, middle - BAR_PX / 2, at, middle + BAR_PX / 2, "tally"))
    for index, step in enumerate(analysis.steps, start=1):
        top = TOP_PX + ROW_PX * index
        middle = top + 30
        if step.level_range is not None:
            low, high = x.at(step.level_range.low), x.at(step.level_range.high)
            parts.append(rect(percent(low), middle - 14, percent(max(high - low, 0.4)), 28, "envelope"))
        words = f"+ {shortened(step.factor, MAX_LETTERS)}  {_gain(step, scale)}"
        parts.append(text("2%", top + 14, words, "row-name", anchor="start"))
        if step.before is None or step.gain is None:
            continue
        before, after = x.at(step.before), x.at(step.before + step.gain)
        tone = "good" if scale.gain(step.gain) > 0 else "bad"
        # A thread down from the level that the last step has reached.
        parts.append(line(percent(before), top - ROW_PX + 30 + BAR_PX / 2, percent(before), middle, "link"))
        left, width = min(before, after), abs(after - before)
        parts.append(rect(percent(left), middle - BAR_PX / 2, percent(max(width, 0.3)), BAR_PX, f"bar {tone}"))
        parts.append(line(percent(after), middle - BAR_PX / 2, percent(after), middle + BAR_PX / 2, "tally"))
        if step.ci95 is not None:
            ends = [percent(x.at(step.before + value)) for value in (step.ci95.low, step.ci95.high)]
            parts.append(line(ends[0], middle, ends[1], middle, "whisker"))
            parts += [line(end, middle - 5, end, middle + 5, "whisker") for end in ends]
    better = "higher is better →" if scale.higher_is_better else "← lower is better"
    parts.append(text("98%", bottom + 36, f"{scale.title}, {better}", "hint", anchor="end"))
    start = NONE if analysis.start is None else scale.value(analysis.start)
    told = "; ".join([f"{analysis.start_arm} {start}", *(f"{s.factor} {_gain(s, scale)}" for s in analysis.steps)])
    label = f"{scale.title} step by step, in the order {', '.join(analysis.order)}"
    svg = drawing(join(parts), height=bottom + 44, label=label, told=told, css="scatter")
    return Figure(svg, _table(analysis, scale))


def _gain(step: StackStep, scale: Scale) -> str:
    if step.gain is None:
        return "no result yet"
    return f"{scale.difference(step.gain)} {range_text(step.ci95, scale)}".rstrip()


def _table(analysis: StackAnalysis, scale: Scale) -> Table:
    columns = (
        "step", "factor", "level before", "gain", f"{level_text(analysis.level)} CI", "gain in any order",
        "level of any order here",
    )  # fmt: skip
    rows = [
        ("0", analysis.start_arm, NONE if analysis.start is None else scale.value(analysis.start), NONE,
         range_text(analysis.start_ci95, scale) or NONE, NONE, NONE)
    ]  # fmt: skip
    rows += [
        (
            str(count),
            step.factor,
            NONE if step.before is None else scale.value(step.before),
            NONE if step.gain is None else scale.difference(step.gain),
            range_text(step.ci95, scale) or NONE,
            _span(step.gain_range, scale),
            _span(step.level_range, scale),
        )
        for count, step in enumerate(analysis.steps, start=1)
    ]
    if analysis.num_orders == 1:
        return Table(columns[:5], tuple(row[:5] for row in rows))
    return Table(columns, tuple(rows))


def _span(limits: Range | None, scale: Scale) -> str:
    return NONE if limits is None else f"{scale.value(limits.low)} to {scale.value(limits.high)}"


def _ends(limits: Range | None) -> tuple[float, ...]:
    return () if limits is None else (limits.low, limits.high)
