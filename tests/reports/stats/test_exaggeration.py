from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from reports.stats.exaggeration import exaggeration


@pytest.mark.parametrize(
    ("effect", "power", "ratio", "wrong_sign"), [(1.0, 0.18, 1.45, 0.004), (0.5, 0.085, 2.23, 0.06)]
)
def test_three_seeds_as_specified(effect: float, power: float, ratio: float, wrong_sign: float) -> None:
    found = exaggeration(effect, 1.0, 3, 2)
    assert found.power == pytest.approx(power, abs=2e-3)
    assert found.ratio == pytest.approx(ratio, abs=1e-2)
    assert found.wrong_sign == pytest.approx(wrong_sign, abs=2e-3)


@pytest.mark.parametrize(("effect", "num_seeds", "alpha"), [(0.3, 4, 0.05), (1.3, 9, 0.01), (-0.7, 5, 0.019)])
def test_agrees_with_simulation_and_with_the_power_of_statsmodels(effect: float, num_seeds: int, alpha: float) -> None:
    found = exaggeration(effect, 1.0, num_seeds, num_seeds - 1, alpha)
    assert found.power == pytest.approx(TTestPower().power(effect, num_seeds, alpha), abs=1e-6)
    draws = np.random.default_rng(6).normal(effect, 1.0, (300_000, num_seeds))
    means = draws.mean(axis=1)
    tests: Any = stats.ttest_1samp(draws, 0.0, axis=1)
    passed = means[tests.pvalue < alpha]
    assert found.ratio == pytest.approx(np.mean(np.abs(passed)) / abs(effect), rel=0.015)
    assert found.wrong_sign == pytest.approx(np.mean(np.sign(passed) != np.sign(effect)), abs=0.006)


def test_a_large_effect_is_neither_missed_nor_exaggerated() -> None:
    found = exaggeration(5.0, 1.0, 10, 9)
    assert (found.power, found.ratio, found.wrong_sign) == pytest.approx((1.0, 1.0, 0.0), abs=1e-6)
    huge = exaggeration(500.0, 1.0, 10, 9)  # the density is a spike far away from 0
    assert (huge.power, huge.ratio, huge.wrong_sign) == pytest.approx((1.0, 1.0, 0.0), abs=1e-6)


def test_no_effect_cannot_be_exaggerated() -> None:
    with pytest.raises(ValueError, match="other than 0"):
        exaggeration(0.0, 1.0, 3, 2)
