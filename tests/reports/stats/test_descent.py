"""The steepest clear descent: where it is known, and that noise has none."""

import numpy as np
import pytest

from reports.stats.descent import steepest_descent

X = np.linspace(-6.0, 1.0, 100)


def logistic_fall(centre: float, width: float) -> np.ndarray:
    """From 2 to 1, steepest at the centre."""
    return 1 + 1 / (1 + np.exp((X - centre) / width))


@pytest.mark.parametrize("centre", [-4.0, -2.5, -1.0])
def test_the_middle_of_a_smooth_fall_is_found_under_noise(centre: float) -> None:
    rng = np.random.default_rng(3)
    found = steepest_descent(X, logistic_fall(centre, 0.4) + rng.normal(0, 0.03, len(X)))
    assert found is not None and found.steepest is not None
    assert X[found.steepest] == pytest.approx(centre, abs=0.35)
    assert found.slope == pytest.approx(-1 / (4 * 0.4), rel=0.35), "the derivative of the logistic at its centre"


def test_slope_and_level_are_those_of_a_line_through_the_window() -> None:
    y = logistic_fall(-2.0, 0.5) + np.random.default_rng(0).normal(0, 0.01, len(X))
    found = steepest_descent(X, y)
    assert found is not None and found.steepest is not None
    window = slice(found.steepest - 7, found.steepest + 8)  # 15 of 100 points
    slope, intercept = np.polyfit(X[window], y[window], 1)
    assert found.slope == pytest.approx(slope)
    assert found.smooth[found.steepest] == pytest.approx(intercept + slope * X[found.steepest])


@pytest.mark.parametrize("n", [20, 100, 400])
def test_noise_has_no_clear_descent(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.linspace(0, 1, n)
    claimed = [steepest_descent(x, 2.3 + rng.normal(0, 0.1, n)) for _ in range(400)]
    num_claimed = sum(found is not None and found.steepest is not None for found in claimed)
    assert num_claimed <= 10  # 4 expected at a level of 1% over independent windows; these overlap, so fewer


def test_a_rise_has_none_and_a_fall_back_from_a_leap_does_not_count() -> None:
    rise = steepest_descent(X, X**2 * (X > 0))
    assert rise is not None and rise.steepest is None
    leap = 2 - 0.02 * np.arange(100.0).clip(max=50) + 9 * np.exp(-(((np.arange(100) - 70) / 4) ** 2))
    found = steepest_descent(X, leap)
    assert found is not None and found.steepest is not None and found.steepest < 60


@pytest.mark.parametrize("n", [7, 8, 9])
def test_the_shortest_curves(n: int) -> None:
    found = steepest_descent(np.arange(n), -np.arange(n, dtype=float))
    assert found is not None and found.steepest is not None and found.slope == pytest.approx(-1.0)
    assert steepest_descent(np.arange(6), -np.arange(6.0)) is None
