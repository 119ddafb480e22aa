from itertools import combinations

import pytest

from ablations.designs import AddOneIn, AnyDesign, BothWays, LeaveOneOut, lay_out, plain_groups
from tests.ablations.designs.reference import ABC, NESTED, R5_MEAN, values

NAMES = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("num_factors", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("design", "num_cells", "num_comparisons"),
    [
        (AddOneIn(), lambda k: k + 2, lambda k: k),
        (LeaveOneOut(), lambda k: k + 2, lambda k: k),
        (BothWays(), lambda k: 2 * k + 2, lambda k: 2 * k),
    ],
)
def test_each_design_has_its_number_of_arms_and_comparisons(
    design: AnyDesign, num_factors: int, num_cells, num_comparisons
) -> None:
    layout = lay_out(design, plain_groups(NAMES[:num_factors]), ())
    assert len(layout.cells) == num_cells(num_factors)
    assert len({cell.name for cell in layout.cells}) == len(layout.cells), "names are unique"
    assert len([c for c in layout.comparisons if not c.exploratory]) == num_comparisons(num_factors)


@pytest.mark.parametrize("num_factors", [1, 2, 3, 5])
@pytest.mark.parametrize("design", [AddOneIn(), LeaveOneOut(), BothWays()])
def test_the_arms_of_a_comparison_differ_by_its_factor_alone(design: AnyDesign, num_factors: int) -> None:
    factors = NAMES[:num_factors]
    layout = lay_out(design, plain_groups(factors), ("placebo",))
    cells = {cell.name: set(cell.factors) for cell in layout.cells}
    assert cells["bare"] == set() and cells["full"] == set(factors)
    for comparison in layout.comparisons:
        if comparison.weights:
            continue
        assert cells[comparison.treatment] - cells[comparison.reference] == {comparison.factor}
        assert cells[comparison.reference] <= cells[comparison.treatment]
        assert comparison.control == (comparison.factor == "placebo")
        contexts = {
            "added to bare": (comparison.reference, "bare"),
            "removed from full": (comparison.treatment, "full"),
        }
        found, expected = contexts[comparison.context]
        assert found == expected


def test_three_factors_both_ways_are_all_sets_of_zero_one_two_and_three() -> None:
    layout = lay_out(BothWays(), plain_groups(("a", "b", "c")), ())
    found = {frozenset(cell.factors) for cell in layout.cells}
    assert found == {frozenset(some) for size in range(4) for some in combinations("abc", size)}


def test_both_ways_ask_how_a_factor_fares_with_the_rest() -> None:
    layout = lay_out(BothWays(), ABC, ())
    found = values(layout, "interaction with the rest", R5_MEAN)
    assert found == pytest.approx({"a": 0.10 - 1.05, "b": 0.30 - 1.15, "c": 0.95 - 0.95})  # R6e: LOO - AOI
    assert all(c.exploratory == (c.context == "interaction with the rest") for c in layout.comparisons)
    assert not values(lay_out(BothWays(), plain_groups("a"), ()), "interaction with the rest", R5_MEAN)


def test_only_factors_that_stand_alone_are_asked_about_the_rest() -> None:
    layout = lay_out(BothWays(), NESTED, ())
    assert [c.factor for c in layout.comparisons if c.exploratory] == ["ls"]


def test_controls_are_added_to_bare_only() -> None:
    layout = lay_out(LeaveOneOut(), plain_groups(("a", "b")), ("placebo", "noise"))
    with_controls = [cell for cell in layout.cells if {"placebo", "noise"} & set(cell.factors)]
    assert [(cell.name, cell.factors) for cell in with_controls] == [
        ("+placebo", ("placebo",)),
        ("+noise", ("noise",)),
    ]
    assert {(c.factor, c.reference, c.context) for c in layout.comparisons if c.control} == {
        ("placebo", "bare", "added to bare"),
        ("noise", "bare", "added to bare"),
    }
