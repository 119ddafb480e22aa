import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from reports.stats.improvement import paired_improvement


def test_five_wins_of_five_are_no_certainty() -> None:
    found = paired_improvement(np.array([0.49, 0.12, 0.57, 0.37, 0.53]))
    assert found.probability == 1.0
    assert found.interval95.low == pytest.approx(proportion_confint(5, 5, method="wilson")[0])
    assert found.interval95.low == pytest.approx(0.57, abs=5e-3)
    assert found.interval95.high == 1.0


def test_ties_count_half() -> None:
    found = paired_improvement(np.array([0.2, 0.0, -0.1, 0.0]))
    assert (found.probability, found.num_seeds) == (0.5, 4)


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="no seed finished in both arms"):
        paired_improvement(np.array([]))
