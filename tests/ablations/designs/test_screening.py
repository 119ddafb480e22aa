from itertools import combinations

import numpy as np
import pydoe
import pytest

from ablations.designs import PlackettBurman, lay_out, plain_groups
from ablations.designs.screening import can_be_built, hadamard, num_cells_for, screen_sets
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import signs

ELEVEN = plain_groups("abcdefghijk")


@pytest.mark.parametrize("order", [4, 8, 12, 16, 20, 24, 32, 40, 44, 48])
def test_hadamard_matrices_are_orthogonal_and_hold_bare(order: int) -> None:
    matrix = hadamard(order)
    np.testing.assert_array_equal(matrix.T @ matrix, order * np.eye(order))
    assert set(np.unique(matrix)) == {-1, 1} and (matrix[:, 0] == 1).all() and (matrix[0, 1:] == -1).all()


def triple_products(matrix: np.ndarray) -> list[int]:
    """How often each size of a triple's column product sum comes up: the same for equivalent designs."""
    sums = [abs(int(matrix[:, list(some)].prod(axis=1).sum())) for some in combinations(range(matrix.shape[1]), 3)]
    return sorted(sums)


@pytest.mark.parametrize("num_factors", [11, 19])
def test_the_design_is_equivalent_to_that_of_pydoe(num_factors: int) -> None:
    theirs = np.array(pydoe.pbdesign(num_factors)).astype(int)
    ours = hadamard(num_factors + 1)[:, 1:]
    assert ours.shape == theirs.shape
    assert triple_products(ours) == triple_products(theirs)


def test_r8_twelve_cells_mix_each_main_effect_with_a_third_of_45_interactions() -> None:
    sets = screen_sets(tuple("abcdefghijk"), 12)
    matrix = np.array([[1 if factor in on else -1 for factor in "abcdefghijk"] for on in sets])
    np.testing.assert_array_equal(matrix.T @ matrix, 12 * np.eye(11))
    assert not matrix.sum(axis=0).any()
    pairs = np.column_stack([matrix[:, j] * matrix[:, k] for j, k in combinations(range(11), 2)])
    shares = np.abs(matrix.T @ pairs) / 12
    assert set(np.round(shares, 6).ravel()) == {0.0, 0.333333}
    assert ((shares > 0).sum(axis=1) == 45).all()


def test_a_screen_has_bare_and_full_and_warns() -> None:
    layout = lay_out(PlackettBurman(), ELEVEN, ())
    assert len(layout.cells) == 13 and {"bare", "full"} <= {cell.name for cell in layout.cells}
    assert len(layout.comparisons) == 11 and not any(c.exploratory or c.confounded for c in layout.comparisons)
    assert all("mixed in part: up to" in c.note for c in layout.comparisons)
    matrix = signs(layout, "abcdefghijk")
    pairs = np.column_stack([matrix[:, j] * matrix[:, k] for j, k in combinations(range(11), 2)])
    model = np.column_stack([np.ones(13), matrix])
    alias_matrix = np.abs(np.linalg.solve(model.T @ model, model.T @ pairs)[1:])  # (X1'X1)^-1 X1'X2
    assert [alias.max_alias for alias in layout.aliases] == pytest.approx(list(alias_matrix.max(axis=1)), abs=1e-6)
    assert alias_matrix.max() == pytest.approx(1 / 3 + 1 / 12), "a third, and what the appended arm adds"
    assert all(alias.vif is not None and 1.0 <= alias.vif < 1.2 for alias in layout.aliases)
    assert any("Main effects are mixed with two-way interactions" in note for note in layout.notes)


def test_fold_over_clears_main_effects() -> None:
    layout = lay_out(PlackettBurman(fold_over=True), ELEVEN, ())
    matrix = signs(layout, "abcdefghijk")
    half = screen_sets(tuple("abcdefghijk"), 12)
    first = np.array([[1 if factor in on else -1 for factor in "abcdefghijk"] for on in half])
    assert sorted(map(tuple, matrix)) == sorted(map(tuple, pydoe.fold(first).astype(int)))
    np.testing.assert_array_equal(matrix.T @ matrix, 24 * np.eye(11))
    for i in range(11):
        for j, k in combinations(range(11), 2):
            assert matrix[:, i] @ (matrix[:, j] * matrix[:, k]) == 0
    assert all(alias.clear for alias in layout.aliases)
    assert not any("Main effects are mixed" in note for note in layout.notes)


def test_sixteen_cells_are_a_regular_fraction_of_the_best_resolution() -> None:
    eight = lay_out(PlackettBurman(cells=16), plain_groups("abcdefgh"), ())
    assert len(eight.cells) == 16 and all(alias.clear for alias in eight.aliases)
    fifteen = lay_out(PlackettBurman(cells=16), plain_groups("abcdefghijklmno"), ())
    assert len(fifteen.cells) == 17 and all(c.confounded for c in fifteen.comparisons)


def test_the_fewest_cells_that_do() -> None:
    numbers = (1, 3, 4, 7, 8, 11, 12, 15, 19, 20, 23, 24)
    with_opposites = [4, 4, 8, 8, 12, 12, 16, 16, 20, 24, 24, 32]
    assert [num_cells_for(k, fold_over=True) for k in numbers] == with_opposites, "4 ceil((k + 1) / 4), but for 28"
    assert [num_cells_for(k) for k in numbers] == [4, 8, 8, 12, 12, 12, 24, 24, 24, 24, 24, 44]


@pytest.mark.parametrize("num_factors", range(2, 25))
def test_by_default_no_main_effect_is_an_interaction_by_half(num_factors: int) -> None:
    factors = [f"f{i}" for i in range(num_factors)]
    layout = lay_out(PlackettBurman(), plain_groups(factors), ())
    cells = [
        cell for cell in layout.cells if cell.name != "full"
    ]  # where it was appended, it is no part of the balance
    columns = {f: np.array([1 if f in cell.factors else -1 for cell in cells]) for f in factors}
    size = num_cells_for(num_factors)
    for main in factors:
        for one, other in combinations([f for f in factors if f != main], 2):
            assert abs(np.sum(columns[main] * columns[one] * columns[other])) < size / 2
    assert not any(comparison.confounded or comparison.mixed_in for comparison in layout.comparisons)


def test_twenty_cells_have_three_fifths_of_some_interactions_in_every_main_effect() -> None:
    """R8 for 20 cells: by brute force over the matrix, why four cells more are worth it."""
    for order, largest in ((12, 1 / 3), (20, 3 / 5), (24, 1 / 3)):
        matrix = hadamard(order)[:, 1:]
        triples = [abs(matrix[:, list(some)].prod(axis=1).sum()) / order for some in combinations(range(order - 1), 3)]
        assert max(triples) == pytest.approx(largest)
    layout = lay_out(PlackettBurman(cells=20), plain_groups("abcdefghijkl"), ())
    assert all(comparison.mixed_in for comparison in layout.comparisons)


def test_a_design_that_could_judge_nothing_is_still_there_for_who_asks_for_it() -> None:
    layout = lay_out(PlackettBurman(cells=8), plain_groups("abcde"), ())
    assert all(comparison.confounded for comparison in layout.comparisons)


def test_what_paley_does_not_build() -> None:
    assert not can_be_built(28), "27 is a power of a prime, which Paley's construction here does not take"


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(SpecError, match="no design for 11 factors in 8 cells; choose one of 12, 16, 20"):
        lay_out(PlackettBurman(cells=8), ELEVEN, ())
    with pytest.raises(SpecError, match="no design for 11 factors in 28 cells"):
        lay_out(PlackettBurman(cells=28), ELEVEN, ())
    with pytest.raises(SpecError, match="up to 255 factors, not 300"):
        lay_out(PlackettBurman(), plain_groups([f"f{i}" for i in range(300)]), ())
