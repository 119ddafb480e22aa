"""A search, drawn: its best so far, scores along each parameter, what mattered, and scores against time."""

import math

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.svg import (
    Axis,
    axis_around,
    dot,
    drawing,
    join,
    line,
    number,
    percent,
    picture,
    polyline,
    rect,
    text,
)
from reports.page.tables import NONE, Table
from reports.results.tuning import BestSoFar, Importance, Slice, TrialResult, TuningAnalysis
from reports.scale import Scale

WIDTH, HEIGHT = 720.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 706.0, 12.0, 246.0
SLICE_WIDTH, SLICE_HEIGHT = 320.0, 210.0
BAR_ROW_PX = 40


def draw_best(analysis: TuningAnalysis, scale: Scale) -> Figure | None:
    """Each run in full as a dot in the order of the trials, and the best up to then as a line; None below two."""
    full = [t for t in analysis.trials if t.state == "finished" and t.score is not None]
    if len(full) < 2:
        return None
    x = axis_around([float(t.number) for t in full], pad_frac=0.03, start=LEFT, end=RIGHT)
    y = _upwards([t.score or 0.0 for t in full], scale, TOP, BOTTOM)
    steps: list[tuple[float, float]] = []
    for point in analysis.best:
        height = y.at(scale.gain(point.score))
        if steps:
            steps.append((x.at(point.trial), steps[-1][1]))
        steps.append((x.at(point.trial), height))
    parts = [
        *_frame(x, y, scale, LEFT, RIGHT, BOTTOM),
        *(_dot(x.at(t.number), y.at(scale.gain(t.score or 0.0)), t, scale) for t in full),
        polyline(steps, "curve bold"),
        text(str(LEFT), BOTTOM + 40, "trial →", "hint", anchor="start"),
        text(str(RIGHT), BOTTOM + 40, f"{scale.title} on validation; line: best so far", "hint", anchor="end"),
    ]
    told = _best_text(analysis.best, scale)
    label = f"Best {scale.title} so far, over {len(full)} trials"
    svg = picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="power")
    rows = tuple((str(point.trial), scale.value(point.score)) for point in _improvements(analysis.best))
    return Figure(svg, Table(("trial", f"best {scale.title} from there on"), rows))


def draw_slice(one: Slice, scale: Scale) -> Markup | None:
    """Scores along one parameter, a dot for each trial; None below two. The table of trials has the numbers."""
    if len(one.scores) < 2:
        return None
    left, right, top, bottom = 50.0, 310.0, 10.0, 160.0
    turned = turned_positions(one)
    span = span_of(one, turned, left, right)
    y = _upwards(one.scores, scale, top, bottom)
    parts = [line(str(left), y.at(t), str(right), y.at(t), "grid") for t in y.ticks(4)]
    parts += [text(str(left - 6), y.at(t) + 4, number(scale.gain(t)), "tick", anchor="end") for t in y.ticks(4)]
    parts += [text(str(span.at(at)), bottom + 18, name, "tick") for at, name in ticks_across(one, span)]
    parts += [
        dot(str(span.at(at)), y.at(scale.gain(score)), 4, "seed good", f"trial {trial}: {scale.value(score)}")
        for at, score, trial in zip(turned, one.scores, one.trials, strict=True)
    ]
    label = f"{scale.title} of {len(one.scores)} trials along {one.path}"
    return picture(join(parts), width=SLICE_WIDTH, height=SLICE_HEIGHT - 30, label=label, css="panel")


def draw_importance(found: tuple[Importance, ...]) -> Figure | None:
    """A bar for each parameter with its interval, largest share first; None where nothing can be said."""
    known = sorted((one for one in found if one.share is not None), key=lambda one: -(one.share or 0.0))
    if not known:
        return None
    x = Axis(0.0, 100.0, 2, 98)
    bottom = 6 + BAR_ROW_PX * len(known)
    parts = [line(percent(x.at(t)), 6, percent(x.at(t)), bottom, "grid") for t in x.ticks()]
    parts += [text(percent(x.at(t)), bottom + 17, f"{t:g}%", "tick") for t in x.ticks()]
    for index, one in enumerate(known):
        top = 6 + BAR_ROW_PX * index
        share, low, high = (100 * max(0.0, value or 0.0) for value in (one.share, one.low, one.high))
        parts += [
            rect(percent(x.at(0)), top + 19, percent(max(0.3, x.at(share) - x.at(0))), 14, "bar good"),
            line(percent(x.at(low)), top + 26, percent(x.at(high)), top + 26, "whisker"),
            *(line(percent(x.at(end)), top + 21, percent(x.at(end)), top + 31, "whisker") for end in (low, high)),
            text("2%", top + 13, f"{one.path}  {share_text(one)}", "row-name", anchor="start"),
        ]
    told = "; ".join(f"{one.path} {share_text(one)}" for one in known)
    svg = drawing(
        join(parts), height=bottom + 26, label="Share of the variance of scores by parameter", told=told, css="scatter"
    )
    rows = tuple((one.path, share_text(one), str(one.num_trials)) for one in found)
    return Figure(svg, Table(("parameter", "share of the variance of ranks, with 95% CI", "trials"), rows))


def draw_time(analysis: TuningAnalysis, scale: Scale) -> Figure | None:
    """Training time across, score up; filled: trials that no other beats in both. None below two, or not asked for."""
    full = [t for t in analysis.trials if t.state == "finished" and t.score is not None and t.seconds]
    if not analysis.seconds or len(full) < 2:
        return None
    x = axis_around([t.seconds or 0.0 for t in full], start=LEFT, end=RIGHT)
    y = _upwards([t.score or 0.0 for t in full], scale, TOP, BOTTOM)
    parts = [*_frame(x, y, scale, LEFT, RIGHT, BOTTOM)]
    for trial in sorted(full, key=lambda t: t.on_front):
        css = "point solid" if trial.on_front else "point faint"
        at = (str(x.at(trial.seconds or 0.0)), y.at(scale.gain(trial.score or 0.0)))
        told = f"trial {trial.number}: {scale.value(trial.score or 0.0)}, {trial.seconds:.1f} s"
        parts.append(dot(*at, 6 if trial.on_front else 4, css, told))
    parts += [
        text(str(LEFT), BOTTOM + 40, "seconds of training →", "hint", anchor="start"),
        text(str(RIGHT), BOTTOM + 40, f"{scale.title} ↑", "hint", anchor="end"),
    ]
    front = sorted((t for t in full if t.on_front), key=lambda t: t.seconds or 0.0)
    rows = tuple((str(t.number), scale.value(t.score or 0.0), f"{t.seconds:.1f}") for t in front)
    told = "not beaten in both: " + "; ".join(f"trial {row[0]}, {row[1]}, {row[2]} s" for row in rows)
    label = f"{scale.title} against seconds of training, {len(full)} trials"
    svg = picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="power")
    return Figure(svg, Table(("trial on the front", scale.title, "seconds"), rows))


def share_text(one: Importance) -> str:
    """'41% [12, 63]'."""
    if one.share is None or one.low is None or one.high is None:
        return f"{NONE} (too few trials)"
    return f"{100 * one.share:.0f}% [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def _upwards(scores: list[float] | tuple[float, ...], scale: Scale, top: float, bottom: float) -> Axis:
    return axis_around([scale.gain(score) for score in scores], start=bottom, end=top)


def _frame(x: Axis, y: Axis, scale: Scale, left: float, right: float, bottom: float) -> list[Markup]:
    return [
        *(line(str(left), y.at(t), str(right), y.at(t), "grid") for t in y.ticks()),
        *(text(str(left - 6), y.at(t) + 4, number(scale.gain(t)), "tick", anchor="end") for t in y.ticks()),
        *(text(str(x.at(t)), bottom + 18, number(t), "tick") for t in x.ticks(8)),
    ]


def _dot(across: float, up: float, trial: TrialResult, scale: Scale) -> Markup:
    values = ", ".join(f"{path} {value}" for path, value in trial.values.items())
    return dot(str(across), up, 3.6, "seed open", f"trial {trial.number}: {scale.value(trial.score or 0.0)} ({values})")


def turned_positions(one: Slice) -> list[float]:
    """Where each trial stands along a parameter: its logarithm where that is how it was searched."""
    return [math.log10(value) for value in one.positions] if one.log else list(one.positions)


def span_of(one: Slice, turned: list[float], left: float, right: float) -> Axis:
    """Of the parameter; a choice stands in the middle of a place of its own."""
    return (
        Axis(-0.5, len(one.choices) - 0.5, left, right) if one.choices else axis_around(turned, start=left, end=right)
    )


def ticks_across(one: Slice, span: Axis) -> list[tuple[float, str]]:
    """Ticks of a parameter: positions on the axis, and their names."""
    if one.choices:
        longest = max(4, 36 // len(one.choices))
        names = [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in one.choices]
        return [(float(index), name) for index, name in enumerate(names)]
    if not one.log:
        return [(tick, number(tick)) for tick in span.ticks(4)]
    powers = [float(p) for p in range(math.ceil(span.low), math.floor(span.high) + 1)]
    if len(powers) >= 2:
        return [(power, f"{10**power:g}") for power in powers[:: -(-len(powers) // 5)]]
    return [(math.log10(v), f"{v:.3g}") for v in (10**span.low * 1.05, 10 ** ((span.low + span.high) / 2))]


def _improvements(best: tuple[BestSoFar, ...]) -> list[BestSoFar]:
    """Those that beat all before."""
    before = (None, *(point.score for point in best))
    return [point for score, point in zip(before, best, strict=False) if score != point.score]


def _best_text(best: tuple[BestSoFar, ...], scale: Scale) -> str:
    return "; ".join(f"from trial {point.trial}: {scale.value(point.score)}" for point in _improvements(best))
