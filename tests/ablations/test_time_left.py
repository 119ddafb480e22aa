import numpy as np
import pytest
from scipy import stats

from ablations.running.time_left import range_text, time_left


def test_the_range_is_the_prediction_interval_of_a_sum() -> None:
    took = [61.0, 70.0, 64.0, 58.0]
    found = time_left(took, 10, 1)
    assert found is not None
    scale = np.std(took, ddof=1) * np.sqrt(10 + 100 / 4)
    low, high = stats.t.interval(0.8, 3, loc=10 * np.mean(took), scale=scale)
    assert (found.low_s, found.high_s) == pytest.approx((low, high))


@pytest.mark.parametrize("draw", ["normal", "two kinds"])
@pytest.mark.parametrize(("num_done", "num_left"), [(3, 5), (6, 40), (20, 20)])
def test_four_times_in_five_the_rest_takes_what_was_said(draw: str, num_done: int, num_left: int) -> None:
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(2000):
        if draw == "normal":
            all_s = rng.normal(60, 8, num_done + num_left)
        else:  # students cost more
            all_s = rng.permutation(np.where(np.arange(num_done + num_left) % 3 == 0, 90.0, 60.0))
        found = time_left(list(all_s[:num_done]), num_left, 1)
        assert found is not None
        inside.append(found.low_s <= all_s[num_done:].sum() <= found.high_s)
    assert np.mean(inside) > (0.78 if draw == "normal" else 0.7), "normal: exact up to sampling of 2,000"


def test_lanes_share_the_rest_and_the_last_run_is_not_forgotten() -> None:
    rng = np.random.default_rng(6)
    inside = []
    for _ in range(500):
        took = rng.normal(60, 5, 48)
        lanes = np.zeros(4)
        for seconds in took[8:]:  # each to the lane that is free first
            lanes[np.argmin(lanes)] += seconds
        found = time_left(list(took[:8]), 40, 4)
        assert found is not None
        inside.append(found.low_s <= lanes.max() <= found.high_s)
    assert np.mean(inside) > 0.8


def test_below_two_runs_nothing_is_said() -> None:
    assert time_left([], 3, 1) is None
    assert time_left([60.0], 3, 1) is None


@pytest.mark.parametrize(
    ("low_s", "high_s", "text"),
    [
        (38, 66, "40 to 65 s"),
        (41, 42, "about 40 s"),
        (490, 700, "8 to 12 min"),
        (480, 490, "about 8 min"),
        (5300, 9100, "1.5 to 2.5 h"),
        (0, 20, "0 to 20 s"),
    ],
)
def test_a_range_has_no_more_digits_than_it_deserves(low_s: float, high_s: float, text: str) -> None:
    assert range_text(low_s, high_s) == text
