import numpy as np
import pytest
from scipy import stats

from reports.stats.paired import paired_effect
from reports.stats.time_to import first_sustained_crossing, product_ratio, restricted_mean

TIMES = np.array([0.0, 10, 20, 30, 40])


def test_reference_case() -> None:
    assert first_sustained_crossing(TIMES, np.array([10.0, 80, 89, 91, 92]), 90) == 25.0


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([95, 95, 95, 95, 95], 0.0),  # before the first evaluation
        ([10, 91, 80, 85, 92], None),  # once by luck, and at the very end too late to be seen twice
        ([10, 95, 80, 90, 90], 30.0),  # the lucky one does not count, and reaching the target exactly does
        ([10, 20, 30, 40, 50], None),
        ([80, 100, 100, 100, 0], 5.0),  # what comes after two in a row is no part of the question
    ],
)
def test_only_a_sustained_crossing_counts(gains: list[float], expected: float | None) -> None:
    assert first_sustained_crossing(TIMES, np.array(gains, dtype=float), 90) == expected


def test_one_evaluation_cannot_sustain() -> None:
    assert first_sustained_crossing(np.array([1.0]), np.array([99.0]), 90) is None


def test_who_does_not_arrive_counts_as_the_horizon() -> None:
    assert restricted_mean([4.0, None, 20.0], horizon=12.0) == pytest.approx((4 + 12 + 12) / 3)


def test_a_product_adds_logarithms_and_their_variances() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.1, 0.05, 4), rng.normal(0.2, 0.02, 6)
    found = product_ratio(paired_effect(one), paired_effect(other))
    welch = stats.ttest_ind(one, -other, equal_var=False)  # mean(one) - mean(-other), by scipy's own degrees of freedom
    limits = welch.confidence_interval(0.95)
    assert found.interval95 is not None
    assert found.value == pytest.approx(np.exp(one.mean() + other.mean()))
    assert (found.interval95.low, found.interval95.high) == pytest.approx(np.exp([limits.low, limits.high]))


def test_a_ratio_without_spread_has_no_interval() -> None:
    still = paired_effect(np.array([0.5, 0.5]))
    assert product_ratio(still, still).interval95 is None
