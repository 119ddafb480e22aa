"""The difference of two independent estimates, beside scipy's Welch test and the equal-variance case."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.stats.change import change
from reports.stats.estimate import Estimate, Method
from reports.stats.paired import paired_effect

HERE = np.array([0.49, 0.12, 0.57, 0.37, 0.53])
THERE = np.array([-0.31, 0.42, 1.10])


def test_of_two_paired_effects_it_is_scipys_welch_test() -> None:
    found = change(paired_effect(HERE), paired_effect(THERE))
    welch: Any = stats.ttest_ind(THERE, HERE, equal_var=False)
    assert found.effect == pytest.approx(THERE.mean() - HERE.mean())
    assert found.p == pytest.approx(welch.pvalue) and found.df == pytest.approx(welch.df)
    limits, expected = found.interval(0.95), welch.confidence_interval(0.95)
    assert (limits.low, limits.high) == pytest.approx((expected.low, expected.high))


def test_turned_round_it_changes_its_sign_only() -> None:
    one, other = paired_effect(HERE), paired_effect(THERE)
    there, back = change(one, other), change(other, one)
    assert back.effect == -there.effect and back.standard_error == there.standard_error
    assert back.df == pytest.approx(there.df)


def test_equal_spreads_have_twice_the_variance_and_twice_the_degrees_of_freedom() -> None:
    one, other = (Estimate(Method.MODERATED, effect, 0.3, 4.0, 3) for effect in (1.0, 2.5))
    found = change(one, other)
    assert (found.effect, found.df) == (1.5, pytest.approx(8.0))
    assert found.standard_error == pytest.approx(0.3 * 2**0.5)


def test_one_that_is_far_more_certain_leaves_the_other_ones_degrees_of_freedom() -> None:
    found = change(Estimate(Method.POOLED, 1.0, 1e-6, 30.0, 3), Estimate(Method.POOLED, 2.0, 0.5, 2.0, 3))
    assert found.df == pytest.approx(2.0) and found.standard_error == pytest.approx(0.5)


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_its_interval_covers_at_three_seeds(ratio: float) -> None:
    """Normal luck, the spread of the second alike or three times as large."""
    rng, covered, num = np.random.default_rng(5), 0, 4000
    here, there = rng.normal(0, 1, (num, 3)), rng.normal(0, ratio, (num, 3))
    for one, other in zip(here, there, strict=True):
        covered += 0 in change(paired_effect(one), paired_effect(other)).interval(0.95)
    assert 0.94 < covered / num < 0.985
