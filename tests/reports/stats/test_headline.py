import pytest

from reports.stats.estimate import Method
from reports.stats.headline import degrees_of_freedom, headline_method


@pytest.mark.parametrize(
    ("num_seeds", "num_comparisons", "expected"),
    [
        (1, 10, None),
        (2, 10, Method.POOLED),
        (2, 1, Method.POOLED),
        (3, 10, Method.MODERATED),
        (5, 4, Method.MODERATED),
        (3, 3, Method.PAIRED),
        (6, 10, Method.PAIRED),
        (10, 2, Method.PAIRED),
    ],
)
def test_rule(num_seeds: int, num_comparisons: int, expected: Method | None) -> None:
    assert headline_method(num_seeds, num_comparisons) is expected


@pytest.mark.parametrize(("method", "expected"), [(Method.PAIRED, 2), (Method.MODERATED, 4), (Method.POOLED, 12)])
def test_degrees_of_freedom_of_seven_cells_and_three_seeds(method: Method, expected: float) -> None:
    assert degrees_of_freedom(method, 3, 7) == expected


@pytest.mark.parametrize(
    ("num_seeds", "expected"), [(1, None), (2, Method.POOLED), (4, Method.POOLED), (9, Method.POOLED)]
)
def test_a_weighted_sum_of_arms_is_always_pooled(num_seeds: int, expected: Method | None) -> None:
    assert headline_method(num_seeds, 7, weighted=True) is expected
