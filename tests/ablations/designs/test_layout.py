import pytest

from ablations.designs import AddOneIn, Group, lay_out, plain_groups
from ablations.designs.layout import named_cells
from ablations.designs.states import (
    components,
    feasible_sets,
    num_feasible,
    pairs_that_can_be,
    pairs_that_cannot_be,
    states_of,
)
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import NESTED


def test_names_say_what_is_on_or_what_full_lacks_whichever_is_shorter() -> None:
    sets = ["", "a", "ab", "abcdefgh", "abcdefg", "abcdef", "abcde", "abcd"]
    names = [cell.name for cell in named_cells(plain_groups("abcdefgh"), sets)]
    assert names == ["bare", "+a", "+a+b", "full", "-h", "-g-h", "-f-g-h", "cell 08"]


def test_a_cell_that_full_does_not_contain_is_named_by_what_is_on() -> None:
    names = [cell.name for cell in named_cells(NESTED, [("cutmix",), ("fp16", "scaler", "cutmix", "ls")])]
    assert names == ["+cutmix", "cell 02"]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    groups = plain_groups(("a", "b", "c", "d", "e", "f", "a-b"))
    lacking = [{"a", "b"}, {"a-b"}]
    sets = [[group.name for group in groups if group.name not in gone] for gone in lacking]
    assert [cell.name for cell in named_cells(groups, sets)] == ["-a-b", "cell 02"]


def test_equal_sets_are_one_cell_in_the_order_of_the_grid() -> None:
    assert [cell.factors for cell in named_cells(plain_groups("ab"), ["ba", "ab", "b"])] == [("a", "b"), ("b",)]


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ((Group("a", ("a",)), Group("b", ("a",))), "a is there twice"),
        ((Group("a", ("a",), needs=("z",)),), "factor a: needs 'z', which is no factor; known: a"),
        (
            (Group("a", ("a",), needs=("b",)), Group("b", ("b",), needs=("a",))),
            "factor a: needs itself, by way of a, b",
        ),
        ((Group("m", ("x", "y")), Group("a", ("a",), needs=("y",))), "full has 'x' in its place.*write 'y' first"),
    ],
)
def test_factors_that_do_not_fit_together_are_named(groups: tuple[Group, ...], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        lay_out(AddOneIn(), groups, ())


def test_the_example_of_the_specification_has_eighteen_of_thirty_two_sets() -> None:
    brute = {
        on
        for number in range(32)
        for on in [tuple(s for i, s in enumerate(("fp16", "scaler", "mixup", "cutmix", "ls")) if number >> i & 1)]
        if not ({"mixup", "cutmix"} <= set(on) or ("scaler" in on and "fp16" not in on))
    }
    assert set(feasible_sets(NESTED)) == brute and len(brute) == num_feasible(NESTED) == 18
    assert [[group.name for group in part] for part in components(NESTED)] == [["fp16", "scaler"], ["mix"], ["ls"]]
    assert states_of(NESTED[:2]) == ((), ("fp16",), ("fp16", "scaler"))
    assert pairs_that_cannot_be(NESTED) == ("fp16 x scaler",)
    assert len(pairs_that_can_be(NESTED)) == 8  # ten pairs of five switches, less fp16 x scaler and mixup x cutmix
