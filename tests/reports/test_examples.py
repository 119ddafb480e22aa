import io

import numpy as np
import pytest
from scipy import stats

from reports.analysis.examples import analyse_examples
from reports.records.load import StudyData
from reports.records.predictions import read_answers
from reports.results.in_depth import ExampleAnalysis
from tests.reports.answers import MemoryFiles, answered


def draw(
    rng: np.random.Generator, seeds: int = 3, images: int = 400, gain: float = 0.0, luck: float = 0.0
) -> np.ndarray:
    ease = np.random.default_rng(99).beta(8, 1.5, images)
    return rng.random((seeds, images)) < ease + gain + rng.normal(0, luck, (seeds, 1))


def examples_of(study: StudyData) -> ExampleAnalysis:
    found = analyse_examples(study, read_answers(study))
    assert found is not None
    return found


def test_flips_are_counted_by_seed_and_over_all() -> None:
    bare, x = draw(np.random.default_rng(0)), draw(np.random.default_rng(1), gain=0.05)
    (effect,) = examples_of(answered({"bare": bare, "x": x})).effects
    for flips in effect.seeds:
        fixed, broken = int((x & ~bare)[flips.seed].sum()), int((bare & ~x)[flips.seed].sum())
        assert (flips.fixed, flips.broken) == (fixed, broken)
        assert flips.p == pytest.approx(stats.binomtest(fixed, fixed + broken).pvalue)
    assert (effect.fixed, effect.broken) == ((x & ~bare).sum(), (bare & ~x).sum())
    assert effect.difference == pytest.approx(100 * (x.mean() - bare.mean()))
    assert effect.num_images == 400


def test_flips_between_seeds_of_one_arm_are_the_mean_over_all_pairs() -> None:
    bare, x = draw(np.random.default_rng(0)), draw(np.random.default_rng(1))
    (effect,) = examples_of(answered({"bare": bare, "x": x})).effects
    pairs = [(bare[i] != bare[j]).sum() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert effect.reference_flips == pytest.approx(np.mean(pairs))


def test_the_gate_opens_where_runs_do_not_differ_and_shuts_where_they_do() -> None:
    arms = {"bare": 0, "x": 1, "y": 2, "z": 3}
    same = examples_of(answered({arm: draw(np.random.default_rng(s)) for arm, s in arms.items()}))
    apart = examples_of(answered({arm: draw(np.random.default_rng(s), luck=0.08) for arm, s in arms.items()}))
    assert (same.checkpoints_only, apart.checkpoints_only) == (False, True)
    assert same.phi_df == apart.phi_df == 8
    assert "these checkpoints only" in apart.sentence and "may speak about the factor" in same.sentence
    for effect in apart.effects:
        assert effect.p is not None and effect.p_widened is not None and effect.p_widened > effect.p


def test_controls_and_copies_lend_no_degrees_of_freedom() -> None:
    bare, x, y = (draw(np.random.default_rng(s)) for s in range(3))
    base = examples_of(answered({"bare": bare, "x": x}))
    more = examples_of(answered({"bare": bare, "x": x, "placebo": y, "copy": x}, controls=("placebo",)))
    assert (more.phi, more.phi_df) == (base.phi, base.phi_df)
    assert [effect.control for effect in more.effects] == [False, False, True]
    assert {row.factor for row in more.classes} == {"x", "copy"}


def test_classes_are_each_a_comparison_of_their_own() -> None:
    rng = np.random.default_rng(4)
    bare, x = draw(rng), draw(rng)
    x[:, 200:] |= rng.random((3, 200)) < 0.7  # the second class gains
    found = examples_of(answered({"bare": bare, "x": x}))
    best, other = found.classes
    assert (best.class_name, other.class_name) == ("b", "a")
    assert best.difference == pytest.approx(100 * (x[:, 200:].mean() - bare[:, 200:].mean()))
    assert best.num_images == 200
    assert best.q < 0.01 < other.p
    assert best.q == pytest.approx(min(2 * best.p, other.p))  # Benjamini and Hochberg over two


def test_one_seed_speaks_about_its_checkpoint_only() -> None:
    found = examples_of(
        answered({"bare": draw(np.random.default_rng(0), seeds=1), "x": draw(np.random.default_rng(1), 1)})
    )
    assert (found.phi, found.checkpoints_only, found.classes) == (None, True, ())
    assert found.effects[0].p_widened is None
    assert found.effects[0].sentence.endswith("about these checkpoints only")


def repack(study: StudyData, arm: str, column: str, change: int) -> StudyData:
    assert isinstance(study.files, MemoryFiles)
    files = dict(study.files.kept)
    for seed in study.plan.seeds:
        kept = dict(np.load(io.BytesIO(files[arm, seed])))
        kept[column] = np.roll(kept[column], change)
        buffer = io.BytesIO()
        np.savez(buffer, **kept)  # type: ignore[arg-type]
        files[arm, seed] = buffer.getvalue()
    return StudyData(study.plan, study.records, [], MemoryFiles(files))


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("val/id", "predictions of x and bare are of different images"),
        ("val/label", "predictions of x and bare have different labels"),
    ],
)
def test_answers_to_other_questions_are_not_compared(column: str, reason: str) -> None:
    study = answered({arm: draw(np.random.default_rng(s)) for s, arm in enumerate(("bare", "x", "y"))})
    found = examples_of(repack(study, "x", column, 1))
    x, y = found.effects
    assert x.sentence == f"not assessed ({reason})" and x.p is None
    assert y.not_assessed == ""
    assert {row.factor for row in found.classes} == {"y"}


def test_missing_and_equal_answers_are_named() -> None:
    bare = draw(np.random.default_rng(0))
    study = answered({"bare": bare, "same": bare, "gone": draw(np.random.default_rng(1))})
    assert isinstance(study.files, MemoryFiles)
    kept = {run: content for run, content in study.files.kept.items() if run[0] != "gone"}
    same, gone = examples_of(StudyData(study.plan, study.records, [], MemoryFiles(kept))).effects
    assert same.not_assessed == "both arms answered alike, down to the confidence"
    assert gone.not_assessed == "no predictions of gone"


def test_no_predictions_at_all() -> None:
    study = answered({"bare": draw(np.random.default_rng(0)), "x": draw(np.random.default_rng(1))})
    empty = StudyData(study.plan, study.records, [], MemoryFiles({}))
    assert analyse_examples(empty, read_answers(empty)) is None
