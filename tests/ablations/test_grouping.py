"""Which factors become levels of one, and which need another: on made-up rules."""

from collections.abc import Iterable

import pytest

from ablations.designs import Group
from ablations.planning.grouping import Grouping, group_factors


def grouped(factors: str, clashes: Iterable[str] = (), needs: Iterable[str] = ()) -> Grouping:
    """Factors are letters; `clashes` are pairs, `needs` are a child and the parents of which one must be on."""

    def why_not(switches: tuple[str, ...]) -> str:
        for pair in clashes:
            if set(pair) <= set(switches):
                return f"{pair[0]} clashes with {pair[1]}"
        for child, *parents in needs:
            if child in switches and not set(parents) & set(switches):
                return f"{child} needs {' or '.join(parents) or 'what is not there'}"
        return ""

    return group_factors({name: (name,) for name in factors}, why_not)


def plain(*names: str) -> tuple[Group, ...]:
    return tuple(Group(name, (name,)) for name in names)


def test_factors_that_do_not_mind_each_other_stay_as_they_are() -> None:
    assert grouped("abc") == Grouping(plain("a", "b", "c"))


def test_all_of_a_kind_that_exclude_each_other_are_levels_of_one_factor_in_the_place_of_the_first() -> None:
    found = grouped("abcd", clashes=("bc", "bd", "cd"))
    assert found.groups == (*plain("a"), Group("b|c|d", ("b", "c", "d")))
    assert found.outside == ()
    assert found.notes == ("b and c and d exclude each other (b clashes with c): one factor with 3 levels; full has b",)


@pytest.mark.parametrize("factors", ["xabc", "axbc", "abcx"])
def test_one_that_excludes_many_steps_out_wherever_it_stands(factors: str) -> None:
    found = grouped(factors, clashes=("ax", "bx", "cx"))
    assert found.groups == plain("a", "b", "c")
    assert found.outside == ("x",)
    assert found.notes[0].startswith("x cannot be together with a nor with b nor with c (")


def test_what_is_left_of_a_tangle_is_folded() -> None:
    found = grouped("abcd", clashes=("ab", "ac", "bc", "bd"))  # a triangle with a tail at b
    assert found.outside == ("b",)
    assert found.groups == (Group("a|c", ("a", "c")), *plain("d"))


def test_a_factor_that_needs_another_names_it() -> None:
    found = grouped("abc", needs=("ca",))
    assert found.groups == (*plain("a", "b"), Group("c", ("c",), needs=("a",)))
    assert found.notes == ("c is possible only together with a: it is judged where a is on",)


def test_a_factor_that_nothing_makes_possible_is_left_beside_the_design() -> None:
    assert grouped("abc", needs=("c",)) == Grouping(plain("a", "b"), outside=("c",))


def test_a_factor_that_either_of_two_makes_possible_is_not_tied_to_one_of_them() -> None:
    assert grouped("abc", needs=("cab",)).outside == ("c",)


def test_one_that_needs_another_and_excludes_a_third_steps_out_or_lets_it_step_out() -> None:
    found = grouped("abc", clashes=("bc",), needs=("ca",))
    assert found.groups in ((*plain("a", "b"),), (Group("a", ("a",)), Group("c", ("c",), needs=("a",))))
    assert found.outside in (("b",), ("c",))


def test_levels_of_one_factor_are_never_asked_about_together() -> None:
    asked: list[tuple[str, ...]] = []

    def why_not(switches: tuple[str, ...]) -> str:
        asked.append(switches)
        return "mixed twice" if "m=2" in switches and "x" in switches else ""

    found = group_factors({"m": ("m=1", "m=2"), "x": ("x",)}, why_not)
    assert ("m=1", "m=2") not in asked
    assert found.groups == (Group("m", ("m=1", "m=2")),), "x excludes a level only, so they are no one factor"
    assert found.outside == ("x",)
