"""All parameters of a search and its score at once: parallel coordinates, lying down so that they fit a phone."""

import itertools
import math

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.search import span_of, ticks_across, turned_positions
from reports.page.figures.svg import Axis, axis_around, drawing, join, line, number, percent, text
from reports.page.tables import Table
from reports.results.tuning import TuningAnalysis
from reports.scale import Scale

START, END = 4.0, 96.0  # percent of the width
FIRST_PX, ROW_PX = 24, 64
BEST_FRAC, MAX_BEST = 0.1, 5  # trials in bold
MAX_AXES = 12  # parameters; a drawing of more is longer than a screen


def draw_parallel(analysis: TuningAnalysis, scale: Scale) -> Figure | None:
    """An axis for each parameter and one for the score, a line for each trial; None below two trials."""
    slices = analysis.slices[:MAX_AXES]
    if not slices or len(slices[0].scores) < 2:
        return None
    trials, scores = slices[0].trials, slices[0].scores
    gains = [scale.gain(score) for score in scores]
    axes: list[tuple[str, Axis, list[float], list[tuple[float, str]]]] = []
    for one in slices:
        at = turned_positions(one)
        span = span_of(one, at, START, END)
        axes.append((one.path, span, at, ticks_across(one, span)))
    up = axis_around(gains, start=START, end=END)
    axes.append((f"{scale.title} →", up, gains, [(tick, number(scale.gain(tick))) for tick in up.ticks(4)]))
    heights = [FIRST_PX + ROW_PX * row for row in range(len(axes))]
    parts: list[Markup] = []
    order = sorted(range(len(trials)), key=lambda i: (gains[i], -trials[i]))
    num_best = min(MAX_BEST, math.ceil(BEST_FRAC * len(trials)))
    values_of = {trial.number: trial.values for trial in analysis.trials}
    for place, i in enumerate(order):  # the best last, on top of the others
        points = [(percent(span.at(at[i])), height) for (_, span, at, _), height in zip(axes, heights, strict=True)]
        values = ", ".join(f"{path} {value}" for path, value in values_of[trials[i]].items())
        parts.append(
            Markup('<g class="trial-line{}"><title>{}</title>{}</g>').format(
                " best" if place >= len(order) - num_best else "",
                f"trial {trials[i]}: {scale.value(scores[i])} ({values})",
                join(line(*a, *b, "") for a, b in itertools.pairwise(points)),
            )
        )
    for (name, span, _, ticks), height in zip(axes, heights, strict=True):
        parts.append(line(percent(START), height, percent(END), height, "rule"))
        parts += [line(percent(span.at(t)), height - 4, percent(span.at(t)), height + 4, "whisker") for t, _ in ticks]
        parts += [text(percent(span.at(t)), height + 18, label, "row-name") for t, label in ticks]
        parts.append(text(percent(START), height - 9, name, "row-name", anchor="start"))
    best = [trials[i] for i in reversed(order[-num_best:])]
    told = "the best: " + "; ".join(f"trial {n}, {scale.value(scores[trials.index(n)])}" for n in best)
    label = f"Parameters and {scale.title} of {len(trials)} trials, a line each"
    svg = drawing(join(parts), height=heights[-1] + 30, label=label, told=told, css="scatter parallel")
    paths = tuple(one.path for one in slices)
    rows = tuple((str(n), *(values_of[n][path] for path in paths), scale.value(scores[trials.index(n)])) for n in best)
    return Figure(svg, Table(("trial", *paths, scale.title), rows))
