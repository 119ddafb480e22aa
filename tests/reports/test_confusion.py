import re

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from reports.analysis.confusion import MAX_PAIRS, analyse_confusion, confusion_counts
from reports.page.figures.confusion import MAX_CLASSES, draw_confusion
from reports.page.seen import pair_table
from reports.records.load import StudyData
from reports.records.predictions import read_answers
from reports.results.seen import ComparedArms, ConfusionAnalysis
from tests.reports.answers import MemoryFiles, pack_classes
from tests.reports.test_effects import study_of

ARMS = ComparedArms(reference="bare", other="+a", why="")
NUM_CLASSES, NUM_IMAGES = 4, 300


def predicted(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, NUM_CLASSES, NUM_IMAGES)


LABELS = np.random.default_rng(9).integers(0, NUM_CLASSES, NUM_IMAGES)
ANSWERS = {"bare": [predicted(0), predicted(1), predicted(2)], "+a": [predicted(3), LABELS, predicted(5)]}


def study() -> StudyData:
    plain = study_of({arm: [0.5] * len(rows) for arm, rows in ANSWERS.items()})
    data = plain.plan.data.model_copy(update={"class_names": ("cat", "dog", "cow")})  # one fewer than the head's
    files = {(arm, seed): pack_classes(row, LABELS) for arm, rows in ANSWERS.items() for seed, row in enumerate(rows)}
    return StudyData(plain.plan.model_copy(update={"data": data}), plain.records, [], MemoryFiles(files))


@pytest.fixture(scope="module")
def found() -> ConfusionAnalysis:
    whole = study()
    result = analyse_confusion(whole, read_answers(whole), ARMS)
    assert result is not None
    return result


def test_counts_are_scikit_learns() -> None:
    for row in ANSWERS["bare"]:
        np.testing.assert_array_equal(
            confusion_counts(LABELS, row, NUM_CLASSES), confusion_matrix(LABELS, row, labels=range(NUM_CLASSES))
        )


def test_means_and_spread_over_seeds(found: ConfusionAnalysis) -> None:
    each = {
        arm: np.stack([confusion_matrix(LABELS, row, labels=range(NUM_CLASSES)) for row in rows])
        for arm, rows in ANSWERS.items()
    }
    np.testing.assert_allclose(found.reference_counts, each["bare"].mean(axis=0))
    np.testing.assert_allclose(found.other_counts, each["+a"].mean(axis=0))
    assert found.class_names == ("cat", "dog", "cow", "class 3")
    assert len(found.pairs) == min(MAX_PAIRS, NUM_CLASSES * (NUM_CLASSES - 1))
    for pair in found.pairs:
        true, taken = (found.class_names.index(name) for name in (pair.true_class, pair.predicted_class))
        assert true != taken
        assert pair.num_images == int((LABELS == true).sum())
        for spread, counts in ((pair.reference, each["bare"]), (pair.other, each["+a"])):
            assert spread.n == 3
            assert spread.mean == pytest.approx(counts[:, true, taken].mean())
            assert spread.sd == pytest.approx(np.std(counts[:, true, taken], ddof=1))


def test_the_largest_confusions_come_first(found: ConfusionAnalysis) -> None:
    larger = [max(pair.reference.mean, pair.other.mean) for pair in found.pairs]
    assert larger == sorted(larger, reverse=True)


def test_arms_that_answered_other_images_are_not_compared() -> None:
    whole = study()
    assert isinstance(whole.files, MemoryFiles)
    whole.files.kept["+a", 0] = pack_classes(ANSWERS["+a"][0], LABELS, prefix="other")
    assert analyse_confusion(whole, read_answers(whole), ARMS) is None


def test_every_cell_of_the_figure_is_a_mean_count(found: ConfusionAnalysis) -> None:
    panel = draw_confusion("bare", found.reference_counts, found.class_names)
    assert panel is not None
    cells = re.findall(r"<title>([^<]+) taken for ([^<]+): ([\d.]+)</title></rect>", str(panel.svg))
    assert len(cells) == NUM_CLASSES**2
    for true, taken, count in cells:
        i, j = found.class_names.index(true), found.class_names.index(taken)
        assert float(count) == pytest.approx(found.reference_counts[i][j], abs=0.051)
    first = max((p for p in found.pairs), key=lambda p: p.reference.mean)
    words = f"{first.true_class} for {first.predicted_class} {first.reference.mean:.1f} times"
    assert words in str(panel.svg)[: str(panel.svg).index("<title>")]


def test_more_classes_than_can_be_read_have_the_table_alone() -> None:
    counts = tuple((1.0,) * (MAX_CLASSES + 1) for _ in range(MAX_CLASSES + 1))
    assert draw_confusion("bare", counts, tuple(map(str, range(MAX_CLASSES + 1)))) is None


def test_the_table_says_what_its_numbers_are(found: ConfusionAnalysis) -> None:
    table, pair = pair_table(found), found.pairs[0]
    assert table.columns == ("images of", "taken for", "images", "bare", "+a", "change")
    assert table.rows[0][3] == f"{pair.reference.mean:.1f} (sd {pair.reference.sd:.1f}, n=3)"
    assert float(table.rows[0][5]) == pytest.approx(pair.other.mean - pair.reference.mean, abs=0.051)
