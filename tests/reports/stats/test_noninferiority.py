from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.stats.noninferiority import above_bound
from reports.stats.paired import paired_effect


@pytest.mark.parametrize("bound", [-0.2, 0.0, 0.3])
def test_is_scipys_one_sided_t_test(bound: float) -> None:
    gains = np.random.default_rng(3).normal(0.1, 0.2, 6)
    theirs: Any = stats.ttest_1samp(gains, bound, alternative="greater")
    found = above_bound(paired_effect(gains), bound, 0.05)
    assert found.p == pytest.approx(theirs.pvalue)
    limits = stats.ttest_1samp(gains, bound).confidence_interval(0.9)
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))


@given(st.floats(-2, 2), st.sampled_from([0.025, 0.05]))
def test_is_shown_exactly_where_the_interval_lies_above_the_bound(bound: float, alpha: float) -> None:
    found = above_bound(paired_effect(np.array([0.4, 0.1, 0.5, -0.2])), bound, alpha)
    assert found.shown == (found.interval.low > bound)
    assert found.level == 1 - 2 * alpha


def test_errs_as_often_as_it_says_at_the_bound_itself() -> None:
    rng = np.random.default_rng(4)
    shown = [above_bound(paired_effect(rng.normal(-0.5, 1, 4)), -0.5, 0.05).shown for _ in range(4000)]
    assert np.mean(shown) == pytest.approx(0.05, abs=0.011)  # 3 standard errors


def test_equal_differences_cannot_be_tested() -> None:
    with pytest.raises(ValueError, match="needs some spread"):
        above_bound(paired_effect(np.array([0.2, 0.2])), 0.0, 0.05)
