import pytest
from statsmodels.stats.power import TTestPower

from reports.stats.estimate import Method
from reports.stats.power import (
    power,
    sd_interval,
    sd_upper_limit,
    seeds_needed,
    smallest_detectable,
    smallest_effect,
)


def paired_df(num_seeds: int) -> float:
    return num_seeds - 1


def test_reference_cases() -> None:
    assert power(1.0, 1.0, 5, 4) == pytest.approx(0.40139, abs=1e-6)
    assert smallest_effect(1.0, 5, 4) == pytest.approx(1.681997, abs=1e-6)
    assert smallest_effect(1.0, 3, 2) == pytest.approx(3.264044, abs=1e-6)
    assert seeds_needed(1.0, 1.0, paired_df) == 10  # 9.937851, rounded up


@pytest.mark.parametrize(("num_seeds", "expected"), [(2, 11.55), (4, 2.128), (6, 1.435), (8, 1.156), (10, 0.996)])
def test_smallest_effect_in_sd_of_a_difference(num_seeds: int, expected: float) -> None:
    assert smallest_effect(1.0, num_seeds, num_seeds - 1) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("effect", "expected"), [(0.5, 34), (0.8, 15), (1.0, 10), (1.5, 6), (2.0, 5)])
def test_seeds_needed(effect: float, expected: int) -> None:
    assert seeds_needed(effect, 1.0, paired_df) == expected


def test_seeds_needed_gives_up_above_a_thousand() -> None:
    assert seeds_needed(0.01, 1.0, paired_df) is None


@pytest.mark.parametrize(("effect", "num_seeds", "alpha"), [(0.7, 4, 0.05), (1.3, 9, 0.01), (0.0, 5, 0.05)])
def test_power_agrees_with_statsmodels(effect: float, num_seeds: int, alpha: float) -> None:
    theirs = TTestPower().power(effect, num_seeds, alpha)
    assert power(effect, 1.0, num_seeds, num_seeds - 1, alpha) == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize(("num_seeds", "upper", "low", "high"), [(3, 2.117, 0.52, 6.29), (5, 1.558, 0.60, 2.87)])
def test_limits_of_a_standard_deviation(num_seeds: int, upper: float, low: float, high: float) -> None:
    assert sd_upper_limit(1.0, num_seeds - 1) == pytest.approx(upper, abs=1e-3)
    limits = sd_interval(1.0, num_seeds - 1)
    assert (limits.low, limits.high) == pytest.approx((low, high), abs=6e-3)


def test_detectable_follows_the_headline_method() -> None:
    moderated = smallest_detectable(0.2, num_seeds=3, num_comparisons=10, num_cells=12)
    assert moderated.method is Method.MODERATED
    assert moderated.df == 4
    assert moderated.alone == pytest.approx(smallest_effect(0.2 * 2**0.5, 3, 4))
    pooled = smallest_detectable(0.2, num_seeds=2, num_comparisons=10, num_cells=12)
    assert (pooled.method, pooled.df) == (Method.POOLED, 11)
    paired = smallest_detectable(0.2, num_seeds=5, num_comparisons=2, num_cells=3)
    assert (paired.method, paired.df) == (Method.PAIRED, 4)


def test_correction_and_fewer_seeds_make_the_detectable_effect_larger() -> None:
    found = [smallest_detectable(0.2, n, 10, 12) for n in (2, 3, 5, 8)]
    assert all(f.alone is not None and f.after_correction is not None and f.alone < f.after_correction for f in found)
    sizes = [f.alone or 0.0 for f in found[1:]]
    assert sizes == sorted(sizes, reverse=True)


def test_correlated_seeds_make_it_smaller() -> None:
    apart = smallest_detectable(0.2, 3, 10, 12).alone or 0.0
    assert smallest_detectable(0.2, 3, 10, 12, seed_correlation=0.75).alone == pytest.approx(apart / 2)


def test_one_seed_promises_nothing() -> None:
    assert smallest_detectable(0.2, 1, 10, 12).alone is None


def test_an_average_over_many_arms_sees_less_than_a_difference_of_two() -> None:
    """2^(7-4) with as many runs as add-one-in: a quarter of the variance, so half the detectable effect at equal df."""
    averaged = smallest_detectable(0.2, 3, 7, 8, squared_norm=4 / 8, weighted=True)
    assert (averaged.method, averaged.df) == (Method.POOLED, 14)
    assert averaged.alone == pytest.approx(smallest_effect(0.2 * 0.5**0.5, 3, 14))
    two_arms = smallest_detectable(0.2, 3, 7, 8, squared_norm=2.0, weighted=True)
    assert (two_arms.alone or 0) / (averaged.alone or 1) == pytest.approx(2)


def test_several_looks_make_it_larger() -> None:
    one, three = (smallest_detectable(0.2, 5, 7, 8, alpha=alpha).alone or 0 for alpha in (0.05, 0.019))
    assert three == pytest.approx(smallest_effect(0.2 * 2**0.5, 5, 6, 0.019)) and three > one
