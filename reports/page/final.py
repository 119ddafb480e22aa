"""Scores on the test split, read when `ablate report --final` was asked for, and how often it was read."""

from dataclasses import dataclass
from statistics import mean, stdev

from reports.page.tables import NONE, Table
from reports.records.load import StudyData
from reports.scale import scale_of_metric


@dataclass(frozen=True, slots=True)
class FinalScores:
    """The latest reading. No verdict rests on it: those are drawn on validation."""

    table: Table
    num_reads: int
    num_samples: int
    read_at: str


def final_scores(study: StudyData) -> FinalScores | None:
    """Mean and spread over seeds of each arm that was scored; None where test was never read for this study."""
    if not study.final_scores:
        return None
    last = max(score.read for score in study.final_scores)
    latest = [score for score in study.final_scores if score.read == last]
    scale = scale_of_metric(study.plan.metric)
    name = study.plan.metric.name
    rows = []
    order = {arm.name: number for number, arm in enumerate(study.plan.arms)}
    for arm in sorted({score.arm for score in latest}, key=lambda name: (order.get(name, len(order)), name)):
        scores = [score for score in latest if score.arm == arm]
        test = [scale.shown(score.metrics[f"test/{name}"]) for score in scores]
        runs = [study.finished((score.stage_hash, score.seed)) for score in scores]
        val = [scale.shown(run.metrics[f"val/{name}"]) for run in runs if run is not None]
        spread = scale.value(stdev(test)) if len(test) > 1 else NONE
        rows.append((arm, str(len(test)), scale.value(mean(test)), spread, scale.value(mean(val)) if val else NONE))
    columns = ("arm", "seeds", f"test {scale.title}", "sd over seeds", f"validation {scale.title}")
    num_reads = max(last, study.num_test_reads)  # another study may have read the same images since
    return FinalScores(Table(columns, tuple(rows)), num_reads, latest[0].num_samples, latest[0].read_at)
