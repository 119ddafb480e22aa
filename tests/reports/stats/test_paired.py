import numpy as np
import pytest
from scipy import stats

from reports.stats.paired import break_even_correlation, paired_effect, seed_correlation

A = np.array([94.10, 93.82, 94.31, 93.95, 94.22])
B = np.array([93.61, 93.70, 93.74, 93.58, 93.69])


def test_reference_case_of_five_seeds() -> None:
    found = paired_effect(A - B)
    assert found.effect == pytest.approx(0.416, abs=1e-6)
    assert found.sd == pytest.approx(0.181604, abs=1e-6)
    assert found.t == pytest.approx(5.122158, abs=1e-6)
    assert found.df == 4
    assert found.p == pytest.approx(0.006876, abs=1e-6)
    assert (found.interval().low, found.interval().high) == pytest.approx((0.190509, 0.641491), abs=1e-6)


def test_reference_case_of_three_seeds() -> None:
    found = paired_effect((A - B)[:3])
    assert found.t == pytest.approx(2.837818, abs=1e-6)
    assert found.p == pytest.approx(0.104981, abs=1e-6)
    assert (found.interval().low, found.interval().high) == pytest.approx((-0.203032, 0.989699), abs=1e-6)


def test_agrees_with_scipy_on_random_data() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 7))
    theirs = stats.ttest_rel(a, b)
    ours = paired_effect(a - b)
    limits = theirs.confidence_interval(0.9)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert (ours.interval(0.9).low, ours.interval(0.9).high) == pytest.approx((limits.low, limits.high))


def test_swapping_the_arms_flips_the_sign_and_keeps_p() -> None:
    there, back = paired_effect(A - B), paired_effect(B - A)
    assert there.effect == -back.effect
    assert there.p == back.p


def test_equal_differences_have_no_spread() -> None:
    assert not paired_effect(np.array([0.1 + 0.2, 0.3, 0.3])).has_spread
    assert paired_effect(A - B).has_spread


def test_one_difference_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 differences, but got 1"):
        paired_effect(np.array([0.3]))


@pytest.mark.parametrize(("num_seeds", "expected"), [(3, 0.584), (4, 0.409), (5, 0.310), (6, 0.249), (10, 0.137)])
def test_break_even_correlation(num_seeds: int, expected: float) -> None:
    assert break_even_correlation(num_seeds) == pytest.approx(expected, abs=5e-4)


def test_seed_correlation_of_two_arms_of_equal_variance_is_pearsons() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    b = np.array([2.0, 1.0, 4.0, 3.0])
    found = seed_correlation(np.stack([a, b]))
    assert found is not None
    assert found.value == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert found.helped  # .6 is above .409


def test_seed_correlation_needs_something_that_varies() -> None:
    assert seed_correlation(np.ones((3, 3))) is None
    assert seed_correlation(np.ones((1, 3))) is None
