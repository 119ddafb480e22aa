"""When each arm's runs reached the target, and which did not."""

from markupsafe import Markup

from reports.page.figures.svg import axis_around, dot, drawing, join, line, number, percent, text
from reports.results.in_depth import SpeedAnalysis

ROW_PX, TOP_PX = 26, 6


def draw_time_to(analysis: SpeedAnalysis) -> Markup | None:
    """One row an arm: filled where a run reached the target, hollow at the horizon where it did not."""
    rows = [arm for arm in analysis.arms if arm.restricted_epochs is not None]
    if not rows:
        return None
    every = [epochs for arm in rows for epochs in arm.epochs.values() if epochs is not None]
    x = axis_around([0.0, float(rows[0].horizon), *every], start=30, end=97)
    bottom = TOP_PX + ROW_PX * len(rows)
    parts = [line(percent(x.at(tick)), TOP_PX, percent(x.at(tick)), bottom, "grid") for tick in x.ticks(6)]
    parts += [text(percent(x.at(tick)), bottom + 17, number(tick), "tick") for tick in x.ticks(6)]
    for index, arm in enumerate(rows):
        middle = TOP_PX + ROW_PX * (index + 0.5)
        parts.append(text("0%", middle + 4, f"{arm.arm}  {arm.num_reached}/{len(arm.epochs)}", "tick", anchor="start"))
        for seed, epochs in arm.epochs.items():
            at, css = (arm.horizon, "point hollow") if epochs is None else (epochs, "point solid")
            said = "not reached" if epochs is None else f"{epochs:.1f} epochs"
            parts.append(dot(percent(x.at(at)), middle, 4.5, css, f"seed {seed}: {said}"))
        assert arm.restricted_epochs is not None
        mean = percent(x.at(arm.restricted_epochs))
        parts.append(line(mean, middle - 9, mean, middle + 9, "tally"))
    parts.append(text("97%", bottom + 36, "epochs →", "hint", anchor="end"))
    listed = "; ".join(f"{arm.arm} {arm.num_reached} of {len(arm.epochs)}" for arm in rows)
    label, told = f"Epochs until the target is reached by {len(rows)} arms", f"runs that reached it: {listed}"
    return drawing(join(parts), height=bottom + 44, label=label, told=told, css="scatter")
