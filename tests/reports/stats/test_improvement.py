import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from reports.stats.improvement import paired_improvement, unpaired_improvement


def test_five_wins_of_five_are_no_certainty() -> None:
    found = paired_improvement(np.array([0.49, 0.12, 0.57, 0.37, 0.53]))
    assert found.probability == 1.0
    assert found.interval95.low == pytest.approx(proportion_confint(5, 5, method="wilson")[0])
    assert found.interval95.low == pytest.approx(0.57, abs=5e-3)
    assert found.interval95.high == 1.0


def test_ties_count_half() -> None:
    found = paired_improvement(np.array([0.2, 0.0, -0.1, 0.0]))
    assert (found.probability, found.num_independent) == (0.5, 4)


@pytest.mark.parametrize("seed", range(4))
def test_unpaired_form_is_the_mann_whitney_statistic(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, 7).astype(float), rng.integers(0, 5, 4).astype(float)  # with ties
    found = unpaired_improvement(a, b)
    assert found.probability == pytest.approx(stats.mannwhitneyu(a, b).statistic / 28)
    assert found.num_independent == 4
    assert unpaired_improvement(b, a).probability == pytest.approx(1 - found.probability)


def test_interval_of_the_unpaired_form_covers() -> None:
    rng = np.random.default_rng(5)
    truth = float(stats.norm.cdf(0.8 / np.sqrt(2)))
    found = [unpaired_improvement(rng.normal(0.8, 1, 5), rng.normal(0, 1, 5)) for _ in range(1500)]
    # .985 here, for 95% asked: cautious. Counting all 25 pairs as if they were independent covers .70.
    assert np.mean([truth in each.interval95 for each in found]) > 0.95


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="no seed finished in both arms"):
        paired_improvement(np.array([]))
    with pytest.raises(ValueError, match="have 2 and 0"):
        unpaired_improvement(np.ones(2), np.ones(0))
