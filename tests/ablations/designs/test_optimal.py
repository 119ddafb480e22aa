from itertools import combinations

import numpy as np
import pytest

from ablations.designs import DOptimal, lay_out, plain_groups
from ablations.designs.contrasts import columns, variance_inflation
from ablations.designs.layout import Cell, switches_of
from ablations.designs.optimal import d_efficiency, exchange, model_matrix
from ablations.designs.states import feasible_sets
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import NESTED

SETS = list(feasible_sets(NESTED))
MODEL = model_matrix(NESTED, SETS)
SWITCHES = switches_of(NESTED)


def test_the_example_of_the_specification() -> None:
    assert MODEL.shape == (18, 6) and np.linalg.matrix_rank(MODEL) == 6
    cells = [Cell("", some) for some in SETS]
    inflation = variance_inflation(cells, [(switch,) for switch in SWITCHES])
    assert list(inflation.values()) == pytest.approx([4 / 3] * 4 + [1.0])
    two_way = np.column_stack([MODEL, columns(cells, list(combinations(SWITCHES, 2)))])
    assert two_way.shape[1] == 16 and np.linalg.matrix_rank(two_way) == 14


@pytest.mark.parametrize(("num_cells", "expected"), [(6, 0.7631), (8, 0.7916), (12, 0.8221)])
def test_d_efficiencies_of_the_specification(num_cells: int, expected: float) -> None:
    rows = exchange(MODEL, num_cells, np.random.default_rng(0))
    assert len(set(rows)) == num_cells
    assert d_efficiency(MODEL[list(rows)]) == pytest.approx(expected, abs=5e-5)


def test_six_cells_are_the_best_of_all_choices() -> None:
    every = max(d_efficiency(MODEL[list(some)]) for some in combinations(range(18), 6))
    found = d_efficiency(MODEL[list(exchange(MODEL, 6, np.random.default_rng(1)))])
    assert found == pytest.approx(every)


def test_an_orthogonal_design_is_found_where_there_is_one() -> None:
    groups = plain_groups("abc")
    model = model_matrix(groups, list(feasible_sets(groups)))
    rows = exchange(model, 4, np.random.default_rng(0))
    assert d_efficiency(model[list(rows)]) == pytest.approx(1.0)
    assert d_efficiency(model[[0, 0, 0, 0]]) == 0.0


def test_rows_to_keep_stay() -> None:
    for seed in range(5):
        assert {3, 17} <= set(exchange(MODEL, 7, np.random.default_rng(seed), (3, 17)))


def test_the_layout_has_bare_and_full_and_every_effect() -> None:
    layout = lay_out(DOptimal(cells=8), NESTED, ())
    assert len(layout.cells) == 8 and {"bare", "full"} <= {cell.name for cell in layout.cells}
    assert [c.factor for c in layout.comparisons] == list(SWITCHES)
    assert layout.notes[0].startswith("D-optimal choice of 8 of 18 sets that can be: D-efficiency 0.7")
    assert any("fp16 x scaler" in note for note in layout.notes)
    again = lay_out(DOptimal(cells=8), NESTED, ())
    assert again == layout, "the same grid is the same plan"


@pytest.mark.parametrize("cells", [5, 19])
def test_too_few_or_too_many_cells(cells: int) -> None:
    with pytest.raises(SpecError, match=f"cells={cells}: expected from 6, for the mean and 5 effects, to 18"):
        lay_out(DOptimal(cells=cells), NESTED, ())
