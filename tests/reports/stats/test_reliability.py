import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from reports.stats.calibration import Bins
from reports.stats.reliability import reliability


def test_seeds_are_averaged_and_do_not_narrow_the_interval() -> None:
    one = Bins(np.array([50, 50]), np.array([0.6, 0.9]), np.array([0.5, 0.9]))
    other = Bins(np.array([50, 50]), np.array([0.7, 0.9]), np.array([0.7, 0.9]))
    first, second = reliability([one, other])
    assert (first.confidence, first.accuracy, first.count) == (pytest.approx(0.65), pytest.approx(0.6), 50)
    assert (first.interval95.low, first.interval95.high) == pytest.approx(
        proportion_confint(30, 50, method="wilson"), abs=1e-9
    )
    assert second == reliability([one])[1]


def test_unequal_bins_are_refused() -> None:
    one = Bins(np.array([50]), np.array([0.6]), np.array([0.5]))
    with pytest.raises(ValueError, match="different numbers of images"):
        reliability([one, Bins(np.array([49]), np.array([0.6]), np.array([0.5]))])
