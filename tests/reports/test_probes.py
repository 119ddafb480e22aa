"""Whole studies with something wrong: a named outcome in every form of the report, whichever way is better."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline.spec.records import Cost, Curves, TimingRecord
from reports.analysis.compare import Question, Wanted, compare_arms
from reports.analysis.in_depth import analyse_in_depth
from reports.formats.csv_text import to_csv
from reports.formats.latex import escape, to_latex
from reports.formats.text import sentence_lines, to_json, to_markdown
from reports.page.html import render
from reports.records.load import StudyData
from reports.results.in_depth import InDepth
from tests.reports.answers import pack
from tests.reports.fixtures import ENVIRONMENT
from tests.reports.test_effects import make_record, study_of

ARMS = {"bare": 0.00, "x": 0.05, "y": 0.00, "placebo": 0.00}  # what each adds
NUM_SEEDS, NUM_IMAGES = 5, 40
COST = Cost(samples_seen=1000, busy_s=1, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1)
Run = tuple[str, int]


@dataclass(frozen=True)
class Files:
    kept: Mapping[tuple[Run, str], bytes]

    def read(self, run: Run, name: str) -> bytes | None:
        return self.kept.get((run, name))


def study(metric: str = "top1", num_seeds: int = NUM_SEEDS, other_images: str = "", timed: bool = True) -> StudyData:
    """One factor that helps and one that does nothing, with answers, curves and timings.

    Args:
        metric: "nll" has the same numbers, subtracted from 1, so that lower is better by as much.
        num_seeds: planned and run.
        other_images: an arm whose predictions are of other images than those of the rest.
        timed: whether the curves have times.
    """
    rng = np.random.default_rng(3)
    luck = rng.normal(0, 0.01, num_seeds)
    top1 = {arm: 0.7 + gain + luck + rng.normal(0, 0.006, num_seeds) for arm, gain in ARMS.items()}
    shown = top1 if metric == "top1" else {arm: 1 - row for arm, row in top1.items()}
    whole = study_of(
        {arm: row.tolist() for arm, row in shown.items()}, ("placebo",), metric, 0.5 if metric == "top1" else 0.005
    )
    target = 73.0 if metric == "top1" else 0.27
    plan = whole.plan.model_copy(update={"metric": whole.plan.metric.model_copy(update={"target": target})})
    label = (np.arange(NUM_IMAGES) >= NUM_IMAGES // 2).astype(int)
    files: dict[tuple[Run, str], bytes] = {}
    for arm, row in top1.items():
        for seed, value in enumerate(row):
            climb = np.array([0.8, 0.95, 1.0]) * value
            curves = Curves(
                epoch=(0, 1, 2),
                elapsed_s=(1.0, 2.0, 3.0) if timed else (),
                series={f"val/{metric}": tuple((climb if metric == "top1" else 1 - climb).tolist())},
            )
            files[(arm, seed), "curves.json"] = curves.model_dump_json().encode()
            right = rng.random(NUM_IMAGES) < value
            prefix = "other" if arm == other_images else "i"
            files[(arm, seed), "predictions.npz"] = pack(right, label, np.full(NUM_IMAGES, 0.8), prefix)
    timings = [
        TimingRecord(block="b", round=i, stage_hash=arm, step_ms=ms * (1 + 0.01 * rng.normal()), images_per_s=1000 / ms,
                     peak_memory_mb=None, environment=ENVIRONMENT)
        for arm, ms in zip(ARMS, (10.0, 12.0, 13.0, 10.0), strict=True)
        for i in range(3)
    ]  # fmt: skip
    records = {run: record.model_copy(update={"cost": COST}) for run, record in whole.records.items()}
    return StudyData(plan, records, timings, Files(files))


def missing(found: StudyData, *runs: Run) -> StudyData:
    return replace(found, records={run: record for run, record in found.records.items() if run not in runs})


def failing(found: StudyData, *runs: Run) -> StudyData:
    metric = found.plan.metric.name
    failed = {run: make_record(*run, None, metric) for run in runs}
    return replace(found, records=found.records | failed)


def every(arm: str, seeds: range = range(NUM_SEEDS)) -> list[Run]:
    return [(arm, seed) for seed in seeds]


@dataclass(frozen=True)
class Probe:
    """What is wrong, and how x, y and the recipe must come out."""

    name: str
    spoil: Callable[[StudyData], StudyData]
    x: str
    y: str
    keep: str
    compare: str


NOT_WORSE = "x is not worse than bare by more than"
KEEP_X = "Keep bare + x: run here as 'x'."
NOTHING = "Nothing can be said yet: no comparison has a verdict, so bare stands."
NEITHER = "not assessed (0 of 5 seeds finished in both arms)"
PROBES = [
    Probe("nothing wrong", lambda s: s, "helps: ", "too noisy: sd ", KEEP_X, NOT_WORSE),
    Probe("seeds of one arm to come", lambda s: missing(s, *every("y", range(3, 5))),
          "helps: ", "too noisy: sd ", KEEP_X, NOT_WORSE),
    Probe("two seeds left", lambda s: missing(s, *every("y", range(2, 5))),
          "helps: ", "too noisy: sd ", KEEP_X, NOT_WORSE),
    Probe("one seed left", lambda s: missing(s, *every("y", range(1, 5))),
          "helps: ", "not assessed (1 of 5 seeds finished in both arms)", KEEP_X, NOT_WORSE),
    Probe("an arm missing", lambda s: missing(s, *every("y")), "helps: ", NEITHER, KEEP_X, NOT_WORSE),
    Probe("bare missing", lambda s: missing(s, *every("bare")),
          NEITHER, NEITHER, NOTHING, "not assessed (no seed finished in both arms)"),
    Probe("some runs failed", lambda s: failing(s, ("x", 1), ("x", 3)),
          "unstable (2/5 failed)", "too noisy: sd ", "Nothing was found to help: keep bare.", "unstable (2/5 failed)"),
    Probe("an arm failed", lambda s: failing(s, *every("x")),
          "unstable (5/5 failed)", "too noisy: sd ", "Nothing was found to help: keep bare.", "unstable (5/5 failed)"),
    Probe("all failed", lambda s: failing(s, *s.records), NEITHER, NEITHER, NOTHING,
          "not assessed (no seed finished in both arms)"),
    Probe("nothing has run", lambda s: missing(s, *s.records), NEITHER, NEITHER, NOTHING,
          "not assessed (no seed finished in both arms)"),
]  # fmt: skip


def every_form(found: StudyData, analysis: InDepth) -> dict[str, str]:
    return {
        "html": render(found),
        "markdown": to_markdown(analysis),
        "latex": to_latex(analysis),
        "csv": to_csv(analysis),
        "json": to_json(analysis),
        "terminal": "\n".join(sentence_lines(analysis)),
    }


@pytest.mark.parametrize("metric", ["top1", "nll"])
@pytest.mark.parametrize("probe", PROBES, ids=[probe.name for probe in PROBES])
def test_each_has_a_named_outcome_in_every_form(probe: Probe, metric: str) -> None:
    found = probe.spoil(study(metric))
    analysis = analyse_in_depth(found)
    x, y = analysis.effects
    assert x.sentence.startswith(probe.x) and y.sentence.startswith(probe.y)
    assert analysis.recipe_to_keep.sentence.startswith(probe.keep)
    delta = found.plan.metric.delta
    answer = compare_arms(found, "x", "bare", Question(Wanted.NOT_WORSE, delta))
    assert answer.sentence.startswith(probe.compare)
    for form, text in every_form(found, analysis).items():
        for sentence in (x.sentence, y.sentence):
            said = escape(sentence) if form == "latex" else sentence
            assert said in text, form


@pytest.mark.parametrize("metric", ["top1", "nll"])
def test_one_seed_has_no_verdict_anywhere(metric: str) -> None:
    found = study(metric, num_seeds=1)
    analysis = analyse_in_depth(found)
    assert {effect.sentence for effect in analysis.effects} == {"not assessed (one seed: no verdict)"}
    assert analysis.recipe_to_keep.sentence == NOTHING
    assert analysis.controls[0].as_expected is None
    assert compare_arms(found, "x", "bare", Question(Wanted.NOT_WORSE, 0.5)).sentence == "not assessed (one seed)"
    assert all("one seed: no verdict" in text for text in every_form(found, analysis).values())


def test_predictions_of_other_images_are_not_compared_and_the_scores_are() -> None:
    found = study(other_images="x")
    analysis = analyse_in_depth(found)
    assert analysis.effects[0].verdict.helps and analysis.examples is not None
    x, y, _ = analysis.examples.effects
    assert x.sentence == "not assessed (predictions of x and bare are of different images)"
    assert y.sentence.startswith("fixed ")
    assert x.sentence in render(found)


def test_curves_without_times_are_drawn_by_epoch_only() -> None:
    with_times, without = render(study()), render(study(timed=False))
    assert "validation top-1 accuracy by seconds" in with_times and "by seconds" not in without
    assert without.count("validation top-1 accuracy by epoch") == with_times.count("validation top-1 accuracy by epoch")


@pytest.mark.parametrize("spoil", [probe.spoil for probe in PROBES], ids=[probe.name for probe in PROBES])
def test_a_metric_that_is_better_when_lower_is_its_mirror_image(spoil: Callable[[StudyData], StudyData]) -> None:
    """A likelihood of 1 - accuracy must give the same verdicts, recipe, front and times, with the signs turned."""
    up, down = analyse_in_depth(spoil(study("top1"))), analyse_in_depth(spoil(study("nll")))
    for above, below in zip(up.effects + up.controls, down.effects + down.controls, strict=True):
        assert (above.verdict, above.n, above.method) == (below.verdict, below.n, below.method)
        assert (above.p, above.as_expected) == (pytest.approx(below.p), below.as_expected)
        if above.estimate is not None and below.estimate is not None:
            assert above.estimate == pytest.approx(-100 * below.estimate)
    assert up.recipe_to_keep.factors == down.recipe_to_keep.factors
    points = [] if up.pareto is None else up.pareto.points
    mirrored = [] if down.pareto is None else down.pareto.points
    assert [(p.arm, p.mark, p.dominated_by) for p in points] == [(p.arm, p.mark, p.dominated_by) for p in mirrored]
    times = [] if up.speed is None else up.speed.arms
    others = [] if down.speed is None else down.speed.arms
    for one, other in zip(times, others, strict=True):
        assert (one.arm, one.restricted_epochs) == (other.arm, pytest.approx(other.restricted_epochs))
    wins = [effect.robustness and effect.robustness.improvement for effect in up.effects]
    assert wins == [effect.robustness and effect.robustness.improvement for effect in down.effects]
