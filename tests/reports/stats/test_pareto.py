import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.stats.pareto import dominance, draw_means, front_probabilities, pareto_front

CASE = {
    "base": (10, 93.0), "A": (11, 93.5), "B": (12, 93.4), "C": (9, 92.0), "D": (15, 94.2), "E": (15, 94.0),
    "F": (20, 94.2),
}  # fmt: skip


def test_reference_case() -> None:
    cost, gain = np.array([*CASE.values()]).T
    assert [name for name, on in zip(CASE, pareto_front(cost, gain), strict=True) if on] == ["base", "A", "C", "D"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_front_agrees_with_the_definition_and_keeps_ties(points: list[tuple[int, int]]) -> None:
    cost, gain = np.array(points, dtype=float).T
    slow = [
        not any(c <= cost[i] and g >= gain[i] and (c < cost[i] or g > gain[i]) for c, g in points)
        for i in range(len(points))
    ]
    assert pareto_front(cost, gain).tolist() == slow
    assert any(slow)


def test_each_draw_is_a_front_of_its_own() -> None:
    rng = np.random.default_rng(0)
    cost, gain = rng.integers(0, 3, (2, 200, 5)).astype(float)
    found = front_probabilities(cost, gain)
    assert found.on_front == pytest.approx(np.mean([pareto_front(c, g) for c, g in zip(cost, gain, strict=True)], 0))
    assert found.dominates == pytest.approx(np.mean([dominance(c, g) for c, g in zip(cost, gain, strict=True)], 0))


def test_two_equal_costs_leave_the_probability_of_the_better_level() -> None:
    """Against the posterior of the difference in closed form: Student's t."""
    covariance, df = np.array([[0.04, 0.01], [0.01, 0.09]]), 6
    draws = draw_means(np.array([0.2, 0.0]), covariance, df, np.random.default_rng(1), 40_000)
    found = front_probabilities(np.zeros((40_000, 2)), draws)
    expected = stats.t.cdf(0.2 / np.sqrt(0.04 + 0.09 - 0.02), df)
    assert found.on_front[0] == pytest.approx(expected, abs=0.01)
    assert found.dominates[0, 1] == pytest.approx(expected, abs=0.01)
    assert found.on_front.sum() == pytest.approx(1.0)


def test_draws_have_the_moments_of_the_posterior() -> None:
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    draws = draw_means(np.array([3.0, -1.0]), covariance, 10, np.random.default_rng(2), 60_000)
    assert draws.mean(axis=0) == pytest.approx([3, -1], abs=0.03)
    assert np.cov(draws.T) == pytest.approx(covariance * 10 / 8, abs=0.06)
