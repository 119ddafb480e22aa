import numpy as np
import pytest

from ablations.designs import RandomSubsets, lay_out, plain_groups
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import NESTED, signs, value_of

SIX = plain_groups("abcdef")


def test_weights_are_those_of_least_squares() -> None:
    layout = lay_out(RandomSubsets(num_cells=20), SIX, ())
    matrix = signs(layout, "abcdef")
    rng = np.random.default_rng(0)
    score = {frozenset(cell.factors): float(rng.normal()) for cell in layout.cells}
    target = np.array([score[frozenset(cell.factors)] for cell in layout.cells])
    slopes = np.linalg.lstsq(np.column_stack([np.ones(20), matrix]), target, rcond=None)[0][1:]
    found = [value_of(layout, c, score.__getitem__) for c in layout.comparisons]
    assert found == pytest.approx(list(2 * slopes))


def test_four_cells_to_a_term_unless_said_and_seeds_differ() -> None:
    layouts = [lay_out(RandomSubsets(seed=seed), SIX, ()) for seed in (0, 1)]
    assert [len(layout.cells) for layout in layouts] == [28, 28]
    assert layouts[0].cells != layouts[1].cells
    assert layouts[0] == lay_out(RandomSubsets(seed=0), SIX, ())


def test_each_factor_is_on_in_about_half_of_the_cells() -> None:
    layout = lay_out(RandomSubsets(num_cells=200), plain_groups([f"f{i}" for i in range(16)]), ())
    share = (signs(layout, [f"f{i}" for i in range(16)]) > 0).mean()
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(200 * 16))


@pytest.mark.parametrize("seed", range(10))
def test_sets_that_lose_an_effect_are_drawn_again(seed: int) -> None:
    """Seven random sets of six factors often have less than full rank; the fewest cells must work all the same."""
    layout = lay_out(RandomSubsets(num_cells=7, seed=seed), SIX, ())
    assert np.linalg.matrix_rank(np.column_stack([np.ones(7), signs(layout, "abcdef")])) == 7


def test_all_sets_are_drawn_where_as_many_are_asked_for() -> None:
    assert len(lay_out(RandomSubsets(num_cells=18), NESTED, ()).cells) == 18


@pytest.mark.parametrize("num_cells", [5, 19])
def test_too_few_or_too_many_cells(num_cells: int) -> None:
    with pytest.raises(SpecError, match=f"num_cells={num_cells}: expected from 6, .* to 18"):
        lay_out(RandomSubsets(num_cells=num_cells), NESTED, ())


def test_an_effect_with_more_than_half_of_an_interaction_in_it_names_it_largest_first() -> None:
    """Against the alias matrix (X1'X1)^-1 X1'X2, solved here."""
    layout = lay_out(RandomSubsets(num_cells=14), SIX, ())
    matrix = signs(layout, "abcdef")
    ones = np.ones((len(layout.cells), 1))
    pairs = {
        f"{a} x {b}": matrix[:, i] * matrix[:, j]
        for i, a in enumerate("abcdef")
        for j, b in enumerate("abcdef")
        if i < j
    }
    shares = np.abs(np.linalg.lstsq(np.hstack([ones, matrix]), np.column_stack([*pairs.values()]), rcond=None)[0][1:])
    for comparison, row in zip(layout.comparisons, shares, strict=True):
        large = sorted(((s, name) for s, name in zip(row, pairs, strict=True) if s > 0.5), key=lambda one: -one[0])
        assert sorted(comparison.mixed_in) == sorted(f"{share:.0%} of {name}" for share, name in large)
    assert any(comparison.mixed_in for comparison in layout.comparisons)


def test_the_default_mixes_far_less_than_two_cells_to_a_term() -> None:
    """Specification 1 asks for two cells to a term at least; there most estimates are half an interaction of others."""

    def share_mixed(num_cells: int | None) -> float:
        layouts = [lay_out(RandomSubsets(num_cells=num_cells, seed=seed), SIX, ()) for seed in range(20)]
        return float(np.mean([bool(c.mixed_in) for layout in layouts for c in layout.comparisons]))

    assert share_mixed(14) > 0.5 > 0.1 > share_mixed(None)
