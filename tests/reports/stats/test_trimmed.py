import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.stats.trimmed import interquartile_mean, middle_mean


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40))
def test_middle_mean_is_scipys_trimmed_mean(values: list[float]) -> None:
    assert middle_mean(np.array(values)) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-9)


def test_one_bad_run_does_not_move_it() -> None:
    scores = np.arange(12.0).reshape(3, 4)
    spoilt = scores.copy()
    spoilt[0, 0] = -1000
    assert interquartile_mean(spoilt) == interquartile_mean(scores) == 5.5


def test_is_offered_only_with_enough_values() -> None:
    with pytest.raises(ValueError, match="at least 12 scores over tasks and seeds, but got 10"):
        interquartile_mean(np.ones((2, 5)))
