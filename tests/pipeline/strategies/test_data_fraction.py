from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.data.index import TrainIndex
from pipeline.strategies.data_fraction import DataFractionConfig, keep_fraction
from tests.pipeline.strategies.contract import assert_same_index, make_index

COUNTS = np.asarray([700, 200, 90, 9, 1])


def unequal() -> TrainIndex:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), COUNTS))
    return replace(make_index(1000), labels=labels)


@pytest.mark.parametrize("frac", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_class_keeps_the_same_share_and_at_least_one(frac: float, seed: int) -> None:
    kept = keep_fraction(unequal(), frac, seed)
    expected = [max(1, round(frac * int(count))) for count in COUNTS]
    assert np.bincount(kept.labels, minlength=5).tolist() == expected


def test_a_smaller_share_lies_inside_a_larger_one() -> None:
    shares = [set(keep_fraction(unequal(), frac, 3).rows.tolist()) for frac in (0.02, 0.1, 0.11, 0.5, 0.99)]
    for small, large in pairwise(shares):
        assert small < large


def test_a_sample_keeps_its_fate_wherever_it_stands() -> None:
    index = unequal()
    order = np.random.default_rng(1).permutation(1000)
    turned = replace(index, rows=index.rows[order], keys=index.keys[order], labels=index.labels[order])
    assert set(keep_fraction(turned, 0.3, 0).rows.tolist()) == set(keep_fraction(index, 0.3, 0).rows.tolist())


def test_what_is_kept_stays_together_and_in_order() -> None:
    index, kept = unequal(), keep_fraction(unequal(), 0.4, 0)
    assert kept.rows.tolist() == sorted(kept.rows.tolist())
    np.testing.assert_array_equal(kept.keys, index.keys[kept.rows])
    np.testing.assert_array_equal(kept.labels, index.labels[kept.rows])


def test_every_sample_of_a_class_is_kept_as_often() -> None:
    kept = np.zeros(400)
    for seed in range(200):
        kept[keep_fraction(make_index(), 0.3, seed).rows] += 1
    # Binomial(200, 0.3) each: mean 60, variance 42; fixed class sizes take a little off.
    chi2 = float(((kept - 60.0) ** 2 / 42.0).sum())
    assert stats.chi2.sf(chi2, 400) > 1e-3
    assert stats.chi2.cdf(chi2, 400) > 1e-3


def test_a_share_of_all_is_the_neutral_limit() -> None:
    neutral = DataFractionConfig.neutral()
    assert_same_index(keep_fraction(unequal(), neutral.frac, 0), unequal())


@pytest.mark.parametrize("frac", [0.0, 1.0])
def test_impossible_shares_are_refused(frac: float) -> None:
    with pytest.raises(ValidationError, match="frac"):
        DataFractionConfig(frac=frac)
