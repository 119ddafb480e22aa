import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from reports.stats.equivalence import tost
from reports.stats.paired import paired_effect

A = np.array([94.10, 93.82, 94.31, 93.95, 94.22])
B = np.array([93.61, 93.70, 93.74, 93.58, 93.69])


def test_reference_cases() -> None:
    close = tost(paired_effect(-np.array([0.02, -0.03, 0.01, 0.04, -0.02])), 0.1)
    assert close.p == pytest.approx(0.000867, abs=1e-6)
    assert (close.interval90.low, close.interval90.high) == pytest.approx((-0.031467, 0.023467), abs=1e-6)
    assert close.within
    apart = tost(paired_effect(A - B), 0.2)
    assert apart.p == pytest.approx(0.971793, abs=1e-6)
    assert not apart.within


def test_agrees_with_statsmodels() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 6))
    assert tost(paired_effect(a - b), 0.7).p == pytest.approx(ttost_paired(a, b, -0.7, 0.7)[0])


@pytest.mark.parametrize("delta", [0.1, 0.3, 0.62, 0.65, 2.0])
def test_within_is_the_90_percent_interval_inside_the_band(delta: float) -> None:
    found = tost(paired_effect(A - B), delta)
    assert found.within == (found.interval90.low > -delta and found.interval90.high < delta)
