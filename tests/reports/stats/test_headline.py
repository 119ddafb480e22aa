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
    assert headline_method(num_seeds, num_comparisons, 7) is expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [(Method.PAIRED, 2), (Method.MODERATED, 4), (Method.POOLED, 12), (Method.MODERATED_TWO_WAY, 12)],
)
def test_degrees_of_freedom_of_seven_cells_and_three_seeds(method: Method, expected: float) -> None:
    assert degrees_of_freedom(method, 3, 7) == expected


@pytest.mark.parametrize(
    ("num_seeds", "num_cells", "expected"),
    [
        (1, 16, None),
        (2, 8, Method.POOLED),
        (3, 8, Method.POOLED),  # 14 degrees of freedom, 2 of them the average's own
        (4, 8, Method.MODERATED_TWO_WAY),
        (2, 16, Method.MODERATED_TWO_WAY),
        (9, 16, Method.MODERATED_TWO_WAY),
    ],
)
def test_the_pooled_error_of_many_arms_is_moderated(num_seeds: int, num_cells: int, expected: Method | None) -> None:
    assert headline_method(num_seeds, 7, num_cells, weighted=True) is expected
