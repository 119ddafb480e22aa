import numpy as np
import pytest

from reports.analysis.changed_images import MAX_IMAGES, analyse_changed
from reports.records.load import StudyData
from reports.records.predictions import read_answers
from tests.reports.answers import MemoryFiles, pack_classes
from tests.reports.test_effects import study_of

NUM_CLASSES, NUM_IMAGES, NUM_SEEDS = 3, 40, 3
LABELS = np.random.default_rng(9).integers(0, NUM_CLASSES, NUM_IMAGES)
SHOWN = [f"i{i}" for i in np.random.default_rng(2).permutation(NUM_IMAGES)[:30]] + ["of another study"]


def answers_of(arm: int, share_right: float) -> list[np.ndarray]:
    rng = np.random.default_rng(arm)
    rows = []
    for _ in range(NUM_SEEDS):
        wrong = (LABELS + rng.integers(1, NUM_CLASSES, NUM_IMAGES)) % NUM_CLASSES
        rows.append(np.where(rng.random(NUM_IMAGES) < share_right, LABELS, wrong))
    return rows


PREDICTED = {"bare": answers_of(1, 0.4), "+a": answers_of(2, 0.8), "+p": answers_of(3, 0.4)}


def study(prefix_of_a: str = "i") -> StudyData:
    plain = study_of({arm: [0.5] * NUM_SEEDS for arm in PREDICTED}, controls=("+p",))
    data = plain.plan.data.model_copy(update={"class_names": ("cat", "dog", "cow")})
    files = {
        (arm, seed): pack_classes(row, LABELS, prefix=prefix_of_a if arm == "+a" else "i")
        for arm, rows in PREDICTED.items()
        for seed, row in enumerate(rows)
    }
    return StudyData(plain.plan.model_copy(update={"data": data}), plain.records, [], MemoryFiles(files))


def slowly(arm: str, verb: str) -> list[tuple[str, int]]:
    """(id, seeds in which it changed) of every shown image that changed in more than half, most seeds first."""
    found = []
    for name in SHOWN[:-1]:
        i, count = int(name[1:]), 0
        for seed in range(NUM_SEEDS):
            before, after = PREDICTED["bare"][seed][i] == LABELS[i], PREDICTED[arm][seed][i] == LABELS[i]
            count += (after and not before) if verb == "fixed" else (before and not after)
        if count > NUM_SEEDS / 2:
            found.append((name, count))
    return sorted(found, key=lambda pair: -pair[1])


def test_like_a_loop_over_images_and_seeds() -> None:
    whole = study()
    rows = {row.factor: row for row in analyse_changed(whole, read_answers(whole), SHOWN)}
    assert list(rows) == ["+a", "+p"]
    assert rows["+a"].num_fixed > MAX_IMAGES, "otherwise nothing is cut off"
    for factor, row in rows.items():
        assert (row.num_images, row.num_seeds) == (30, NUM_SEEDS)
        for verb, images, number in (
            ("fixed", row.fixed, row.num_fixed),
            ("broken", row.broken, row.num_broken),
        ):
            expected = slowly(factor, verb)
            assert number == len(expected)
            assert [(image.id, image.num_seeds) for image in images] == expected[:MAX_IMAGES]


def test_the_wrong_answer_is_the_most_frequent_one_where_it_changed() -> None:
    whole = study()
    row = analyse_changed(whole, read_answers(whole), SHOWN)[0]
    for verb, images in (("fixed", row.fixed), ("broken", row.broken)):
        for image in images:
            i = int(image.id[1:])
            wrong = PREDICTED["bare" if verb == "fixed" else "+a"]
            right = PREDICTED["+a" if verb == "fixed" else "bare"]
            seen = [int(w[i]) for w, r in zip(wrong, right, strict=True) if w[i] != LABELS[i] and r[i] == LABELS[i]]
            most = {name for name in seen if seen.count(name) == max(map(seen.count, seen))}
            assert image.true_class == ("cat", "dog", "cow")[LABELS[i]]
            assert image.wrong_class in {("cat", "dog", "cow")[k] for k in most}


@pytest.mark.parametrize("shown", [[], ["of another study"]])
def test_without_pictures_there_is_nothing_to_show(shown: list[str]) -> None:
    whole = study()
    assert analyse_changed(whole, read_answers(whole), shown) == ()


def test_arms_that_answered_other_images_are_left_out() -> None:
    whole = study(prefix_of_a="other")
    assert [row.factor for row in analyse_changed(whole, read_answers(whole), SHOWN)] == ["+p"]
