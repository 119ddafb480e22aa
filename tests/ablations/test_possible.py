"""Designs without the arms that cannot be: names in, names out."""

import pytest

from ablations.designs import AddOneIn, AnyDesign, Baseline, BothWays, Fractional, LeaveOneOut, lay_out, plain_groups
from ablations.planning.possible import IDLE, Possible, fewest, leave_out
from pipeline.spec.errors import SpecError

DESIGNS = (AddOneIn(), LeaveOneOut(), BothWays())


def possible(design: AnyDesign, factors: str, impossible: tuple[str, ...], controls: str = "") -> Possible:
    """Each letter is a factor; bare with all letters of one of `impossible` among others cannot be."""

    def can_be(some: tuple[str, ...]) -> bool:
        return not any(set(clash) <= set(some) for clash in impossible)

    layout = lay_out(design, plain_groups(factors), tuple(controls))
    reasons = {cell.name: f"why {cell.name}" for cell in layout.cells if not can_be(cell.factors)}
    return leave_out(layout, reasons, can_be)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_whose_arms_can_all_be_stays_as_it_is(design: AnyDesign) -> None:
    layout = lay_out(design, plain_groups("abc"), "z")
    assert possible(design, "abc", (), "z") == Possible(layout.cells, layout.comparisons)


def test_two_factors_that_clash_leave_the_half_that_adds_to_bare() -> None:
    found = possible(BothWays(), "abc", ("ab",))
    assert [cell.name for cell in found.cells] == ["bare", "+a", "+b", "+c"]
    assert {(c.factor, c.context) for c in found.comparisons} == {(f, "added to bare") for f in "abc"}
    assert {(c.factor, c.context) for c in found.unassessed} == {
        (factor, context) for factor in "abc" for context in ("removed from full", "interaction with the rest")
    }
    skipped = {arm.name: arm for arm in found.skipped}
    assert skipped.keys() == {"full", "-a", "-b", "-c"}
    assert {skipped[name].clash for name in ("full", "-c")} == {("a", "b")}
    assert skipped["full"].reason == "why full" and skipped["full"].factors == ("a", "b", "c")
    for name in ("-a", "-b"):  # nothing forbids them, but hours would go into arms that no question needs
        assert (skipped[name].reason, skipped[name].clash) == (IDLE, ())


def test_a_factor_that_bare_cannot_have_is_left_out_with_every_arm_that_has_it() -> None:
    found = possible(BothWays(), "abc", ("a",))
    assert [cell.name for cell in found.cells] == ["bare", "+b", "+c"]
    assert {arm.name for arm in found.skipped} == {"+a", "full", "-a", "-b", "-c"}
    assert all(arm.clash == ("a",) for arm in found.skipped if arm.name != "-a")


def test_a_full_recipe_that_nobody_is_compared_with_stays_where_it_can_be() -> None:
    assert [cell.name for cell in possible(AddOneIn(), "ab", ()).cells] == ["bare", "+a", "+b", "full"]
    assert [cell.name for cell in possible(AddOneIn(), "ab", ("ab",)).cells] == ["bare", "+a", "+b"]


def test_an_arm_that_needs_a_partner_to_be_possible_is_skipped_alone() -> None:
    """`a` works only beside `b`: bare with `a`, and full without `b`, cannot be."""
    layout = lay_out(BothWays(), plain_groups("abc"), ())
    reasons = {"+a": "needs b", "-b": "needs b"}
    found = leave_out(layout, reasons, lambda some: "a" not in some or "b" in some)
    assert {arm.name: arm.clash for arm in found.skipped} == {"+a": ("a",), "-b": ("a",)}
    primary = {(c.factor, c.context) for c in found.unassessed if not c.exploratory}
    assert primary == {("a", "added to bare"), ("b", "removed from full")}
    assert "full" in {cell.name for cell in found.cells}


def test_a_control_that_cannot_be_is_skipped_and_the_rest_goes_on() -> None:
    found = possible(AddOneIn(), "ab", ("z",), controls="yz")
    assert [arm.name for arm in found.skipped] == ["+z"]
    assert [(c.factor, c.control) for c in found.unassessed] == [("z", True)]
    assert len(found.comparisons) == 3


def test_bare_that_cannot_be_is_an_error() -> None:
    layout = lay_out(BothWays(), plain_groups("ab"), ())
    with pytest.raises(SpecError, match=r"^base: no such luck$"):
        leave_out(layout, {"bare": "no such luck"}, lambda some: True)


@pytest.mark.parametrize(
    ("design", "impossible", "hint"),
    [
        (AddOneIn(), ("a", "b"), "change these factors or the base$"),
        (BothWays(), ("a", "b"), "change these factors or the base$"),
        (LeaveOneOut(), ("ab",), r"or choose design: \{kind: add_one_in\}"),
    ],
)
def test_a_study_that_could_compare_no_factor_is_an_error(
    design: AnyDesign, impossible: tuple[str, ...], hint: str
) -> None:
    message = rf"(?s)arm full: why full\n.*no factor can be compared with anything; .*{hint}"
    with pytest.raises(SpecError, match=message):
        possible(design, "ab", impossible, controls="z")  # controls alone answer nothing


@pytest.mark.parametrize(
    ("impossible", "expected"), [(("c",), "c"), (("bd", "ad"), "ad"), (("d", "ab"), "d"), (("abc",), "abcd")]
)
def test_the_fewest_factors_that_cannot_be(impossible: tuple[str, ...], expected: str) -> None:
    found = fewest(tuple("abcd"), lambda some: not any(set(clash) <= set(some) for clash in impossible))
    assert found == tuple(expected)


def test_a_design_of_weighted_effects_asks_for_levels_where_two_factors_clash() -> None:
    with pytest.raises(SpecError, match="write factors that cannot be together as levels of one factor"):
        possible(Fractional(cells=8), "abcd", ("ab",))


def test_baseline_goes_on_without_a_control_that_cannot_be() -> None:
    found = possible(Baseline(), "ab", ("z",), "z")
    assert [cell.name for cell in found.cells] == ["bare"] and not found.comparisons
    assert [arm.name for arm in found.skipped] == ["+z"] and len(found.unassessed) == 1
