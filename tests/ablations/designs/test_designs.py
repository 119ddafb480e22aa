"""What holds for every design: bare and full are there, contrasts are contrasts, no arm is asked for twice."""

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ablations.designs import (
    AddOneIn,
    AnyDesign,
    Auto,
    Baseline,
    BothWays,
    DOptimal,
    Fractional,
    FullFactorial,
    Group,
    Halving,
    LeaveOneOut,
    Pairwise,
    PlackettBurman,
    RandomSubsets,
    Shapley,
    Stack,
    lay_out,
    plain_groups,
)
from ablations.designs.states import components, feasible_sets, num_feasible, states_of
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import NESTED, value_of

ADAPTER = TypeAdapter(AnyDesign)
NEW: tuple[AnyDesign, ...] = (
    Stack(),
    Stack(orders=3),
    Shapley(),
    Pairwise(),
    FullFactorial(),
    RandomSubsets(),
    DOptimal(),
    Fractional(),
    Fractional(resolution=3),
    PlackettBurman(),
    PlackettBurman(fold_over=True),
)
TAKE_ANYTHING = tuple(design for design in NEW if design.kind not in ("fractional", "plackett_burman"))


@st.composite
def grids(draw: st.DrawFn) -> tuple[Group, ...]:
    """Up to five factors, some with levels, some that need an earlier one."""
    groups: list[Group] = []
    for index in range(draw(st.integers(1, 5))):
        name = "abcde"[index]
        levels = (name, f"{name}2")[: draw(st.integers(1, 2))]
        parent = draw(st.sampled_from([None, None, *groups]))
        groups.append(Group(name, levels, needs=(parent.levels[0],) if parent else ()))
    return tuple(groups)


@settings(max_examples=60, deadline=None)
@given(grids(), st.sampled_from(TAKE_ANYTHING))
def test_whatever_the_factors_arms_can_be_and_effects_are_contrasts(
    groups: tuple[Group, ...], design: AnyDesign
) -> None:
    layout = lay_out(design, groups, ())
    sets = [cell.factors for cell in layout.cells]
    full = tuple(group.levels[0] for group in groups)
    assert len(set(sets)) == len(sets) and len({cell.name for cell in layout.cells}) == len(sets)
    assert {cell.name: cell.factors for cell in layout.cells}.items() >= {"bare": (), "full": full}.items()
    assert set(sets) <= set(feasible_sets(groups))
    arms = {cell.name for cell in layout.cells}
    for comparison in layout.comparisons:
        assert set(comparison.contrast) <= arms
        assert sum(comparison.contrast.values()) == pytest.approx(0, abs=1e-9)
    seen = {c.factor for c in layout.comparisons}
    assert {group.levels[0] for group in groups} <= seen, "every factor is asked about"


@settings(max_examples=60, deadline=None)
@given(grids(), st.sampled_from(TAKE_ANYTHING), st.randoms(use_true_random=False))
def test_where_effects_only_add_up_every_design_finds_them(groups: tuple[Group, ...], design: AnyDesign, luck) -> None:
    """Without interactions all contexts ask the same question; an interaction of two is then 0."""
    worth = {level: luck.uniform(-1, 1) for group in groups for level in group.levels}
    layout = lay_out(design, groups, ())
    for comparison in layout.comparisons:
        found = value_of(layout, comparison, lambda on: 90 + sum(worth[switch] for switch in on))
        expected = 0.0 if comparison.context == "interaction" else worth[comparison.factor]
        if " in place of " in comparison.note:
            expected -= worth[comparison.note.split(" in place of ")[1]]
        assert found == pytest.approx(expected, abs=1e-9), comparison


@settings(max_examples=40, deadline=None)
@given(grids())
def test_all_sets_that_can_be_mix_no_interaction_into_a_main_effect(groups: tuple[Group, ...]) -> None:
    """Least squares over all of them gives the averages of the full factorial, whatever excludes or needs what.

    But for two factors that need the same third: least squares takes them to add up, and averages do not.
    """
    assume(num_feasible(groups) <= 200)
    assume(all(len(states_of(part)) == 1 + sum(len(g.levels) for g in part) for part in components(groups)))
    asked = lay_out(FullFactorial(), groups, ())
    fitted = lay_out(RandomSubsets(num_cells=num_feasible(groups)), groups, ())
    averages = {c.factor: c.weights for c in asked.comparisons if c.context == "averaged over the others"}
    sets = {cell.name: cell.factors for cell in asked.cells}
    others = {cell.name: cell.factors for cell in fitted.cells}
    for comparison in fitted.comparisons:
        expected = {sets[arm]: weight for arm, weight in averages[comparison.factor].items()}
        assert {others[arm]: weight for arm, weight in comparison.weights.items()} == pytest.approx(expected)
    assert all(alias.max_alias == 0.0 and alias.clear for alias in fitted.aliases)


@pytest.mark.parametrize("num_factors", [1, 2, 3, 4, 7, 8, 12])
@pytest.mark.parametrize("design", NEW, ids=lambda design: repr(design))
def test_names_and_sets_are_unique_and_both_corners_are_there(design: AnyDesign, num_factors: int) -> None:
    if design.kind == "full_factorial" and num_factors > 8:
        return  # the same code as for 8, and 4096 arms
    factors = [f"f{index}" for index in range(num_factors)]
    layout = lay_out(design, plain_groups(factors), ())
    sets = [cell.factors for cell in layout.cells]
    assert len(set(sets)) == len(sets) == len({cell.name for cell in layout.cells})
    assert {"bare", "full"} <= {cell.name for cell in layout.cells}
    primary = [c for c in layout.comparisons if not c.exploratory]
    assert sorted(c.factor for c in primary) == sorted(factors), "one primary effect a factor"


def test_every_kind_can_be_written_as_a_plain_word() -> None:
    kinds = {design.kind for design in (*NEW, Auto(), Baseline(), AddOneIn(), LeaveOneOut(), BothWays(), Halving())}
    assert len(kinds) == 14
    for kind in kinds:
        assert ADAPTER.validate_python(kind) == ADAPTER.validate_python({"kind": kind})
    schema = ADAPTER.json_schema()
    assert kinds == set(next(part["enum"] for part in schema["anyOf"] if "enum" in part)), "editors offer all of them"
    with pytest.raises(ValidationError, match=r"'bothways' found .* 'both_ways'"):
        ADAPTER.validate_python("bothways")


def test_baseline_is_bare_alone() -> None:
    layout = lay_out(Baseline(), plain_groups("ab"), ("placebo",))
    assert [cell.name for cell in layout.cells] == ["bare", "+placebo"]
    assert [c.factor for c in layout.comparisons] == ["placebo"]
    assert lay_out(Baseline(), plain_groups("ab"), ()).comparisons == ()


@pytest.mark.parametrize("design", [Fractional(), PlackettBurman()])
def test_designs_of_plain_factors_name_the_one_that_is_not(design: AnyDesign) -> None:
    with pytest.raises(SpecError, match=r"factor scaler needs fp16, and this design .* Choose d_optimal"):
        lay_out(design, NESTED[:2], ())
    with pytest.raises(SpecError, match="factor mix has the levels mixup, cutmix"):
        lay_out(design, NESTED[2:], ())


@pytest.mark.parametrize(
    "design",
    [*(design for design in NEW if design.kind != "full_factorial"), Auto(), AddOneIn(), LeaveOneOut(), BothWays()],
    ids=lambda design: repr(design),
)
def test_twenty_factors_take_less_than_a_second(design: AnyDesign) -> None:
    start = time.process_time()
    lay_out(design, plain_groups([f"f{index}" for index in range(20)]), (), num_seeds=3)
    assert time.process_time() - start < 1.0  # measured: 0.25 s for the slowest, d_optimal
