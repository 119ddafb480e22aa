"""Stages without labels: for each four small charts by epoch (loss, neighbours, spread, rank), every seed a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures.svg import Axis, axis_around, join, line, number, picture, polyline, rect, text
from reports.page.tables import Table
from reports.results.learning import FeatureCurves, Run

WIDTH, HEIGHT = 300.0, 128.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 8.0, 104.0
TITLES = {
    "train/loss": "training loss",
    "val/knn_top1": "nearest neighbours, % right",
    "val/feature_spread": "spread of features, of 1",
    "val/effective_rank": "effective rank of features",
}
MAX_OPEN = 2
"""Stages whose charts are shown at once; of more, only those that warn."""


@dataclass(frozen=True, slots=True)
class FeaturePanel:
    """One quantity of one stage."""

    title: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class FeatureFigure:
    """One stage."""

    title: str
    warnings: tuple[str, ...]
    is_open: bool
    panels: tuple[FeaturePanel, ...]


def draw_pretraining(stages: Sequence[FeatureCurves]) -> tuple[FeatureFigure, ...]:
    """In the order of the plan."""
    return tuple(
        FeatureFigure(
            f"{stage.stage} {stage.stage_hash[:8]}, before {', '.join(stage.arms)}",
            stage.warnings,
            len(stages) <= MAX_OPEN or bool(stage.warnings),
            tuple(_panel(name, runs, stage) for name, runs in stage.curves.items() if runs),
        )
        for stage in stages
    )


def pretraining_table(stages: Sequence[FeatureCurves]) -> Table | None:
    """The twin of the charts: the first and the last value of every run; None without any."""
    rows = tuple(
        (
            f"{stage.stage} {stage.stage_hash[:8]}",
            TITLES[name],
            str(run.seed),
            "failed" if run.failed else "",
            _told(name, run.values[0]),
            _told(name, run.values[-1]),
            str(len(run.epochs)),
        )
        for stage in stages
        for name, runs in stage.curves.items()
        for run in runs
    )
    return Table(("stage", "what", "seed", "run", "first epoch", "last epoch", "epochs"), rows) if rows else None


def _told(name: str, value: float) -> str:
    return f"{100 * value:.1f}%" if name == "val/knn_top1" else f"{value:.3g}"


def _panel(name: str, runs: tuple[Run, ...], stage: FeatureCurves) -> FeaturePanel:
    factor = 100.0 if name == "val/knn_top1" else 1.0
    low = [0.0] if name != "train/loss" else []  # all but a loss mean something against nothing
    y = axis_around([*low, *(factor * float(v) for run in runs for v in run.values)], start=BOTTOM, end=TOP)
    first, last = (float(pick(pick(run.epochs) for run in runs)) for pick in (min, max))
    x = Axis(first, max(last, first + 1), LEFT, RIGHT)
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(3):
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(tick), "tick", anchor="end"))
    parts.extend(
        text(str(x.at(tick)), BOTTOM + 15, number(tick), "tick") for tick in x.ticks(3) if float(tick).is_integer()
    )
    for run in runs:
        points = [(x.at(float(e)), y.at(factor * float(v))) for e, v in zip(run.epochs, run.values, strict=True)]
        parts.append(polyline(points, f"curve {'failed' if run.failed else 'thin'}"))
    told = ", ".join(f"{_told(name, run.values[-1])} (seed {run.seed})" for run in runs)
    label = f"{stage.stage}: {TITLES[name]} by epoch; at the end {told}"
    svg = picture(join(parts), width=WIDTH, height=HEIGHT, label=label, css="panel")
    return FeaturePanel(TITLES[name], svg)
