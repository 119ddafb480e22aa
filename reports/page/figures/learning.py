"""Learning curves: one small panel per arm, every seed thin, their mean bold, bare's mean behind for comparison."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reports.page.figures.svg import Axis, axis_around, join, line, number, picture, polyline, rect, text
from reports.records.load import StudyData
from reports.scale import Scale

WIDTH, HEIGHT = 300.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 292.0, 8.0, 146.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One arm."""

    arm: str
    num_seeds: int
    svg: Markup


@dataclass(frozen=True, slots=True)
class _Trace:
    epochs: tuple[int, ...]
    values: np.ndarray  # [num_epochs] in display units


def draw_learning(study: StudyData, scale: Scale) -> tuple[Panel, ...]:
    """Panels on common axes, in the order of the plan; arms without curves are left to the completeness table."""
    traces = {arm.name: _traces(study, arm.final.stage_hash, scale) for arm in study.plan.arms}
    every = [trace for found in traces.values() for trace in found if len(trace.values) > 0]
    if not every:
        return ()
    # The first epochs climb from chance, and would press the part that differs into a thin line: they may leave
    # through the bottom of the panel.
    settled = np.concatenate([trace.values[len(trace.values) // 2 :] for trace in every])
    y = axis_around([float(v) for v in settled], start=BOTTOM, end=TOP)
    last = max(trace.epochs[-1] for trace in every)
    first = min(trace.epochs[0] for trace in every)
    x = Axis(first, max(last, first + 1), LEFT, RIGHT)
    bare = next((arm.name for arm in study.plan.arms if not arm.factors), None)
    reference = _mean(traces[bare]) if bare is not None else None
    return tuple(
        Panel(name, len(found), _panel(name, found, reference if name != bare else None, x, y, scale))
        for name, found in traces.items()
        if found
    )


def _traces(study: StudyData, stage_hash: str, scale: Scale) -> list[_Trace]:
    found: list[_Trace] = []
    for seed in study.plan.seeds:
        curves = study.curves((stage_hash, seed))
        values = () if curves is None else curves.series.get(f"val/{scale.name}", ())
        if curves is not None and values and len(values) == len(curves.epoch):
            found.append(_Trace(curves.epoch, scale.factor * np.array(values)))
    return found


def _mean(traces: list[_Trace]) -> _Trace | None:
    """Mean over the epochs that every seed reached: a failed run must not bend the mean where it stops."""
    if not traces:
        return None
    shortest = min(traces, key=lambda trace: len(trace.values))
    count = len(shortest.values)
    return _Trace(shortest.epochs, np.mean([trace.values[:count] for trace in traces], axis=0))


def _panel(arm: str, traces: list[_Trace], reference: _Trace | None, x: Axis, y: Axis, scale: Scale) -> Markup:
    mean = _mean(traces)
    parts = [_frame(x, y)]
    curves: list[Markup] = []
    if reference is not None:
        curves.append(_curve(reference, x, y, "reference"))
    curves.extend(_curve(trace, x, y, "thin") for trace in traces)
    last = ""
    if mean is not None:
        curves.append(_curve(mean, x, y, "bold"))
        last = f"; mean {scale.value(float(mean.values[-1]))} at epoch {mean.epochs[-1]}"
    # A nested svg clips what leaves the plot, and needs no ids that could clash on the page.
    box = f"{LEFT} {TOP} {RIGHT - LEFT} {BOTTOM - TOP}"
    parts.append(
        Markup('<svg x="{}" y="{}" width="{}" height="{}" viewBox="{}">{}</svg>').format(
            LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP, box, join(curves)
        )
    )
    label = f"{arm}: validation {scale.title} by epoch, {len(traces)} seeds{last}"
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, css="panel")


def _curve(trace: _Trace, x: Axis, y: Axis, css: str) -> Markup:
    span = (y.end - y.start) / (y.high - y.low)
    points = [
        (x.at(epoch), y.start + (float(value) - y.low) * span)  # not Axis.at: clipped, not bent along the edge
        for epoch, value in zip(trace.epochs, trace.values, strict=True)
    ]
    return polyline(points, f"curve {css}")


def _frame(x: Axis, y: Axis) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(4):
        height = y.at(tick)
        parts.append(line(str(LEFT), height, str(RIGHT), height, "grid"))
        parts.append(text(str(LEFT - 5), height + 4, number(tick), "tick", anchor="end"))
    parts.extend(
        text(str(x.at(tick)), BOTTOM + 15, number(tick), "tick") for tick in x.ticks(4) if float(tick).is_integer()
    )
    return join(parts)
