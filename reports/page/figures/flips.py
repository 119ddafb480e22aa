"""Images that each comparison fixed and broke, beside how many change between two seeds of one and the same arm."""

from markupsafe import Markup

from reports.page.figures.svg import Axis, dot, drawing, join, line, number, percent, rect, text
from reports.results.in_depth import ExampleAnalysis

ROW_PX, TOP_PX = 42, 6


def draw_flips(analysis: ExampleAnalysis) -> Markup | None:
    """Fixed to the right, broken to the left of the middle; None where no comparison is assessed."""
    rows = [effect for effect in analysis.effects if not effect.not_assessed]
    if not rows:
        return None
    widest = max(
        max([effect.reference_flips or 0.0] + [max(2 * s.fixed, 2 * s.broken) for s in effect.seeds]) for effect in rows
    )
    x = Axis(-widest / 2 or -1.0, widest / 2 or 1.0, 2, 98)
    bottom = TOP_PX + ROW_PX * len(rows)
    parts = [line(percent(x.at(tick)), TOP_PX, percent(x.at(tick)), bottom, "grid") for tick in x.ticks(6)]
    parts += [text(percent(x.at(tick)), bottom + 17, number(abs(tick)), "tick") for tick in x.ticks(6)]
    for index, effect in enumerate(rows):
        middle, count = TOP_PX + ROW_PX * index + 28, len(effect.seeds)
        fixed, broken = effect.fixed / count, effect.broken / count
        parts.append(text("2%", middle - 14, f"{effect.factor}, {effect.context}", "tick", anchor="start"))
        parts.append(_bar(x, 0, fixed, middle, "good"))
        parts.append(_bar(x, -broken, 0, middle, "bad"))
        for seed in effect.seeds:
            parts.append(dot(percent(x.at(seed.fixed)), middle, 2.5, "seed flat", f"seed {seed.seed}: {seed.fixed}"))
            parts.append(dot(percent(x.at(-seed.broken)), middle, 2.5, "seed flat", f"seed {seed.seed}: {seed.broken}"))
        if effect.reference_flips is not None:  # half of them one way, half the other
            for end in (-effect.reference_flips / 2, effect.reference_flips / 2):
                parts.append(line(percent(x.at(end)), middle - 11, percent(x.at(end)), middle + 11, "tally"))
    parts.append(line(percent(x.at(0)), TOP_PX, percent(x.at(0)), bottom, "zero"))
    parts.append(text("2%", bottom + 36, "← broken", "hint", anchor="start"))
    parts.append(text("98%", bottom + 36, "fixed →", "hint", anchor="end"))
    listed = "; ".join(f"{e.factor}, {e.context}: {e.fixed} fixed, {e.broken} broken" for e in rows)
    label = f"Images fixed and broken, over all seeds, by {len(rows)} comparisons"
    return drawing(join(parts), height=bottom + 44, label=label, told=listed, css="scatter")


def _bar(x: Axis, low: float, high: float, middle: float, tone: str) -> Markup:
    return rect(percent(x.at(low)), middle - 7, percent(x.at(high) - x.at(low)), 14, f"bar {tone}")
