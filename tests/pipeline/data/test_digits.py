from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.data.digits import read_digits, scan_digits
from pipeline.spec.data import Digits

TRUTH: Any = load_digits()


def numbers(ids: tuple[str, ...]) -> list[int]:
    return [int(sample_id.removeprefix("digit-")) for sample_id in ids]


@pytest.mark.parametrize("num_train", [20, 300, 500])
def test_counts(num_train: int) -> None:
    listing = scan_digits(Digits(num_train=num_train))
    assert abs(len(listing.rows("train")) - num_train) <= 5, "rounded per class"
    assert abs(len(listing.rows("val")) - 0.45 * 1797) <= 5
    assert abs(len(listing.rows("test")) - 0.25 * 1797) <= 5
    per_class = np.bincount(listing.labels[listing.rows("train")], minlength=10)
    assert per_class.max() - per_class.min() <= 0.3 * num_train / 10


def test_more_training_digits_leave_val_and_test_alone_and_keep_the_old_ones() -> None:
    few, many = scan_digits(Digits(num_train=100)), scan_digits(Digits(num_train=400))
    for role in ("val", "test"):
        assert [few.ids[i] for i in few.rows(role)] == [many.ids[i] for i in many.rows(role)]
    assert {few.ids[i] for i in few.rows("train")} < {many.ids[i] for i in many.rows("train")}


def test_labels_and_pixels_are_scikit_learns() -> None:
    listing = scan_digits(Digits())
    assert len(set(listing.ids)) == len(listing.ids)
    np.testing.assert_array_equal(listing.labels, TRUTH.target[numbers(listing.ids)])
    got = dict(read_digits(listing.chunks[0]))
    assert sorted(got) == list(range(len(listing.ids)))
    for row, number in enumerate(numbers(listing.ids)):
        assert got[row].shape == (8, 8, 3)
        np.testing.assert_allclose(got[row], TRUTH.images[number][:, :, None] * (255 / 16) + np.zeros(3), atol=0.5)
