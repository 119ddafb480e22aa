import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.stats.sign_flip import can_reach, sign_flip_p, smallest_p

TENTHS = st.lists(st.integers(-9, 9).map(lambda tenths: tenths / 10), min_size=1, max_size=9)


@given(TENTHS)
def test_is_the_share_of_all_sign_patterns(differences: list[float]) -> None:
    exact = [round(value * 10) for value in differences]  # whole numbers, so that ties are ties
    patterns = itertools.product((1, -1), repeat=len(exact))
    sums = [abs(sum(sign * value for sign, value in zip(signs, exact, strict=True))) for signs in patterns]
    slow = sum(found >= abs(sum(exact)) for found in sums) / len(sums)
    assert sign_flip_p(np.array(differences)) == slow


def test_agrees_with_scipy() -> None:
    differences = np.random.default_rng(2).normal(0.4, 1, 9)
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=10**6)
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize(("num_seeds", "expected"), [(3, 0.25), (5, 0.0625), (6, 0.03125), (8, 0.0078), (10, 0.00195)])
def test_smallest_p(num_seeds: int, expected: float) -> None:
    assert smallest_p(num_seeds) == pytest.approx(expected, abs=5e-5)
    assert smallest_p(num_seeds) == sign_flip_p(np.arange(1.0, num_seeds + 1))


def test_is_offered_only_where_it_could_find_something() -> None:
    assert [n for n in range(2, 12) if can_reach(0.05, n)] == [6, 7, 8, 9, 10, 11]
    assert [n for n in range(2, 12) if can_reach(0.05, n, num_comparisons=8)] == [9, 10, 11]
    assert not can_reach(0.5, 5)  # never below 6 seeds
    assert not can_reach(0.05, 23)  # too many patterns


@pytest.mark.parametrize("num_seeds", [0, 23])
def test_refuses_what_it_cannot_count(num_seeds: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 22 differences, but got {num_seeds}"):
        sign_flip_p(np.ones(num_seeds))
