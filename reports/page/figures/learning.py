"""Learning curves: one small panel per arm, every seed thin, their mean bold, bare's mean behind for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup

from reports.page.figures.svg import Axis, axis_around, join, line, number, picture, polyline, rect, text
from reports.page.tables import NONE, Table
from reports.results.learning import ArmCurves, Average, Run
from reports.scale import Scale

WIDTH, HEIGHT = 300.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 292.0, 8.0, 146.0
MAX_COLUMNS = 6
"""Epochs in the table: the last, and others spread evenly before it."""

By = Literal["epoch", "seconds"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One arm."""

    arm: str
    num_seeds: int
    num_failed: int
    svg: Markup


def draw_learning(arms: Sequence[ArmCurves], bare: str | None, scale: Scale, by: By = "epoch") -> tuple[Panel, ...]:
    """Panels on common axes, in the order of the arms; arms without curves are left to the completeness table, and
    from the curves by time those that left no times.

    Args:
        arms: with curves.
        bare: name of the arm that is drawn behind the others.
        scale: of the metric.
        by: what goes across; seconds are wall time on a shared machine.
    """
    arms = [arm for arm in arms if all(np.isfinite(_across(run, by)).all() for run in arm.runs)]
    if not arms:
        return ()
    runs = [run for arm in arms for run in arm.runs]
    # The first epochs climb from chance, and would press the part that differs into a thin line: they may leave
    # through the bottom of the panel.
    settled = np.concatenate([run.values[len(run.values) // 2 :] for run in runs])
    y = axis_around([float(v) for v in settled], start=BOTTOM, end=TOP)
    first, last = (float(pick([pick(_across(run, by)) for run in runs])) for pick in (min, max))
    x = Axis(0.0 if by == "seconds" else first, max(last, first + 1), LEFT, RIGHT)
    reference = next((arm.average for arm in arms if arm.arm == bare), None)
    return tuple(
        Panel(
            arm.arm,
            len(arm.runs),
            sum(run.failed for run in arm.runs),
            _panel(arm, reference if arm.arm != bare else None, x, y, scale, by),
        )
        for arm in arms
    )


def learning_table(arms: Sequence[ArmCurves], scale: Scale) -> Table | None:
    """The twin of the curves: every arm's mean at some epochs; None without curves."""
    epochs = sorted({int(epoch) for arm in arms for run in arm.runs for epoch in run.epochs})
    if not epochs:
        return None
    picked = sorted({epochs[round(i)] for i in np.linspace(0, len(epochs) - 1, min(MAX_COLUMNS, len(epochs)))})
    columns = ("arm", "finished", "failed", *(f"epoch {epoch}" for epoch in picked), "seconds")
    rows = tuple(
        (
            arm.arm,
            str(0 if arm.average is None else arm.average.num_runs),
            str(sum(run.failed for run in arm.runs)),
            *(_at(arm.average, epoch, scale) for epoch in picked),
            _seconds(arm.average),
        )
        for arm in arms
    )
    return Table(columns, rows)


def _at(average: Average | None, epoch: int, scale: Scale) -> str:
    where = [] if average is None else np.flatnonzero(average.epochs == epoch)
    if average is None or len(where) == 0:
        return NONE
    value = scale.value(float(average.values[where[0]]))
    return value if average.half_width is None else f"{value} ±{scale.value(float(average.half_width[where[0]]))}"


def _seconds(average: Average | None) -> str:
    timed = average is not None and np.isfinite(average.elapsed_s[-1])
    return f"{average.elapsed_s[-1]:.3g}" if average is not None and timed else NONE


def _across(curve: Run | Average, by: By) -> np.ndarray:
    return curve.epochs if by == "epoch" else curve.elapsed_s


def _panel(arm: ArmCurves, reference: Average | None, x: Axis, y: Axis, scale: Scale, by: By) -> Markup:
    average = arm.average
    curves: list[Markup] = []
    last = ""
    if average is not None and average.half_width is not None:
        curves.append(_band(average, average.half_width, x, y, by))
    if reference is not None:
        curves.append(_curve(reference, x, y, "reference", by))
    for run in arm.runs:
        curves.append(_curve(run, x, y, "failed" if run.failed else "thin", by))
        if run.failed:
            curves.append(_cross(run, x, y, by))
    if average is not None:
        curves.append(_curve(average, x, y, "bold", by))
        last = f"; mean {scale.value(float(average.values[-1]))} at epoch {average.epochs[-1]}"
    # A nested svg clips what leaves the plot, and needs no ids that could clash on the page.
    box = f"{LEFT} {TOP} {RIGHT - LEFT} {BOTTOM - TOP}"
    clipped = Markup('<svg x="{}" y="{}" width="{}" height="{}" viewBox="{}">{}</svg>').format(
        LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP, box, join(curves)
    )
    failed = sum(run.failed for run in arm.runs)
    lost = f", {failed} of them failed" if failed else ""
    label = f"{arm.arm}: validation {scale.title} by {by}, {len(arm.runs)} seeds{lost}{last}"
    return picture(join([_frame(x, y, by), clipped]), width=WIDTH, height=HEIGHT, label=label, css="panel")


def _points(across: np.ndarray, values: np.ndarray, x: Axis, y: Axis) -> list[tuple[float, float]]:
    span = (y.end - y.start) / (y.high - y.low)
    return [
        (x.at(float(place)), y.start + (float(value) - y.low) * span)  # not Axis.at: clipped, not bent along the edge
        for place, value in zip(across, values, strict=True)
    ]


def _curve(curve: Run | Average, x: Axis, y: Axis, css: str, by: By) -> Markup:
    return polyline(_points(_across(curve, by), curve.values, x, y), f"curve {css}")


def _band(average: Average, half_width: np.ndarray, x: Axis, y: Axis, by: By) -> Markup:
    across = _across(average, by)
    edge = _points(across, average.values + half_width, x, y)
    edge += reversed(_points(across, average.values - half_width, x, y))
    return Markup('<polygon points="{}" class="spread"/>').format(" ".join(f"{a:.2f},{b:.2f}" for a, b in edge))


def _cross(run: Run, x: Axis, y: Axis, by: By) -> Markup:
    (a, b) = _points(_across(run, by)[-1:], run.values[-1:], x, y)[0]
    ends = ((a - 4, b - 4, a + 4, b + 4), (a - 4, b + 4, a + 4, b - 4))
    return join(line(str(x1), y1, str(x2), y2, "failed-end") for x1, y1, x2, y2 in ends)


def _frame(x: Axis, y: Axis, by: By) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(4):
        height = y.at(tick)
        parts.append(line(str(LEFT), height, str(RIGHT), height, "grid"))
        parts.append(text(str(LEFT - 5), height + 4, number(tick), "tick", anchor="end"))
    parts.extend(
        text(str(x.at(tick)), BOTTOM + 15, number(tick), "tick")
        for tick in x.ticks(4)
        if by == "seconds" or float(tick).is_integer()
    )
    return join(parts)
