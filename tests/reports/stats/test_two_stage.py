import numpy as np
import pytest
from scipy import stats

from reports.stats.paired import paired_effect
from reports.stats.two_stage import seeds_for, two_stage_estimate


def test_never_fewer_than_the_first_stage() -> None:
    assert seeds_for(0.01, 5, half_width=1.0) == 5


def test_more_degrees_of_freedom_ask_for_fewer_seeds() -> None:
    # (2.364624 * .240069 / .2)^2 = 8.06, where the paired t of three seeds asks for 27.
    assert seeds_for(0.240069, 3, 0.2, df=7) == 9


def test_covers_and_keeps_the_wanted_width() -> None:
    rng = np.random.default_rng(8)
    half_width, covered = 0.8, 0
    for _ in range(2000):
        first = rng.standard_normal(4)
        stage = paired_effect(first)
        num_seeds = seeds_for(stage.sd, 4, half_width)
        effect = float(np.mean(np.concatenate([first, rng.standard_normal(num_seeds - 4)])))
        interval = two_stage_estimate(stage, effect, num_seeds).interval()
        assert interval.high - interval.low <= 2 * half_width + 1e-9
        covered += 0.0 in interval
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)  # 3 standard errors of a share of 2000


def test_noise_is_the_first_stages() -> None:
    stage = paired_effect(np.array([0.49, 0.12, 0.57]))
    found = two_stage_estimate(stage, 0.4, 27)
    assert (found.df, found.num_seeds, found.sd) == (2, 27, pytest.approx(stage.sd))
    assert found.interval().high - 0.4 == pytest.approx(stats.t.ppf(0.975, 2) * stage.sd / 27**0.5)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"half-width above 0, but got 1 and 0\.2"):
        seeds_for(0.2, 1, 0.2)
    with pytest.raises(ValueError, match="at least 2 seeds and a half-width above 0, but got 3 and 0"):
        seeds_for(0.2, 3, 0.0)
    with pytest.raises(ValueError, match="fewer than the 3 of the first"):
        two_stage_estimate(paired_effect(np.array([0.49, 0.12, 0.57])), 0.4, 2)
