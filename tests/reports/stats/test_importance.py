"""Shares of variance against scipy's analysis of variance, a published interval, and simulation."""

import numpy as np
import pytest
from scipy import stats

from reports.stats.importance import group_values, variance_share


def test_the_share_is_omega_squared_of_scipys_f() -> None:
    """omega^2 = (F - 1) df1 / ((F - 1) df1 + n), written with F alone (Hays 1963)."""
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [6, 8, 10])
    scores = rng.normal(size=24) + 0.8 * groups
    found = variance_share(groups, scores)
    ranks = stats.rankdata(scores)
    f = stats.f_oneway(*(ranks[groups == g] for g in range(3))).statistic
    assert found is not None and (found.num_groups, found.num_trials) == (3, 24)
    assert found.share == pytest.approx((f - 1) * 2 / ((f - 1) * 2 + 24))


def test_the_interval_holds_the_noncentralities_that_scipys_ncf_gives_these_tails() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 12)
    scores = rng.normal(size=24) + 1.5 * groups
    found = variance_share(groups, scores)
    ranks = stats.rankdata(scores)
    f = stats.f_oneway(ranks[:12], ranks[12:]).statistic
    assert found is not None and 0 < found.low < found.share < found.high < 1
    for end, tail in ((found.low, 0.975), (found.high, 0.025)):
        assert stats.ncf.cdf(f, 1, 22, 24 * end / (1 - end)) == pytest.approx(tail, abs=1e-6)


def test_a_parameter_that_does_not_matter_has_an_interval_from_0() -> None:
    found = variance_share(np.repeat([0, 1, 2], 8), np.random.default_rng(3).permutation(24))
    assert found is not None and found.low == 0.0 and abs(found.share) < 0.2


@pytest.mark.parametrize(("shift", "at_least"), [(0.0, 0.92), (0.7, 0.92), (1.5, 0.88)])
def test_intervals_cover_the_share_about_as_often_as_they_say(shift: float, at_least: float) -> None:
    """Two groups of 20, normal scores; the share of the ranks' variance is computed from 200,000 draws.

    95% less three standard errors of 400 draws; for a large share, where ranks are far from normal, about 91%.
    """
    rng = np.random.default_rng(5)
    large = np.concatenate([rng.normal(size=100_000), rng.normal(size=100_000) + shift])
    ranks = stats.rankdata(large)
    halves = ranks[:100_000], ranks[100_000:]
    truth = np.var([half.mean() for half in halves]) / ranks.var()
    groups = np.repeat([0, 1], 20)
    inside = 0
    for _ in range(400):
        found = variance_share(groups, np.concatenate([rng.normal(size=20), rng.normal(size=20) + shift]))
        assert found is not None
        inside += found.low <= truth <= found.high
    assert inside / 400 > at_least


def test_neighbours_are_grouped_evenly_and_equal_values_stay_together() -> None:
    groups = group_values(list(range(20)))
    assert groups is not None and np.bincount(groups).tolist() == [5, 5, 5, 5]
    assert np.all(np.diff(groups) >= 0)
    tied = group_values([1.0] * 9 + [2.0] * 2 + [3.0])
    assert tied is not None and len(set(tied[:9])) == 1
    assert group_values([0.1, 0.2, 0.3]) is None and group_values([1.0] * 30) is None


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert variance_share([0, 0, 0, 0], [1, 2, 3, 4]) is None, "one group"
    assert variance_share([0, 1, 2, 3], [1, 2, 3, 4]) is None, "groups of one"
    assert variance_share([0, 0, 1, 1], [1, 1, 2, 2]) is None, "no spread inside the groups to judge by"
