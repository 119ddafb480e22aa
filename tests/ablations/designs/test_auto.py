from collections.abc import Sequence

import pytest

from ablations.designs import Auto, Cell, lay_out, plain_groups
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import NESTED

LETTERS = "abcdefghijklmnopqrst"


@pytest.mark.parametrize(
    ("num_factors", "max_runs", "chosen", "num_cells"),
    [
        (1, None, "full_factorial", 2),
        (3, 500, "full_factorial", 8),
        (3, 15, "add_one_in", 5),
        (4, 500, "full_factorial", 16),
        (4, 47, "fractional in 8 cells", 8),
        (5, 500, "full_factorial", 32),
        (5, 60, "fractional in 16 cells", 17),
        (5, 40, "both_ways", 12),
        (6, 500, "both_ways and fractional in 16 cells", 28),
        (8, 500, "both_ways and fractional in 16 cells", 32),
        (8, 50, "fractional in 16 cells", 16),
        (8, 30, "add_one_in", 10),
        (9, 500, "plackett_burman", 13),
        (12, 500, "plackett_burman", 25),
        (20, 500, "plackett_burman", 25),
    ],
)
def test_the_choice_by_factors_and_budget(num_factors: int, max_runs: int | None, chosen: str, num_cells: int) -> None:
    layout = lay_out(Auto(), plain_groups(LETTERS[:num_factors]), (), num_seeds=3, max_runs=max_runs)
    word = f"auto chose {chosen} for {num_factors} factors: {num_cells} arms, {3 * num_cells} runs with 3 seeds; "
    assert layout.notes[0].startswith(word)
    assert len(layout.cells) == num_cells == len({cell.factors for cell in layout.cells})
    assert max_runs is None or 3 * num_cells <= max_runs


def test_what_did_not_fit_is_said() -> None:
    layout = lay_out(Auto(max_runs=30), plain_groups(LETTERS[:8]), (), num_seeds=3)
    assert layout.notes[0].endswith(
        "(both_ways and fractional in 16 cells would take 96 runs; fractional in 16 cells would take 48 runs; "
        "both_ways would take 54 runs)"
    )


@pytest.mark.parametrize("num_factors", [1, 3, 5, 8, 12, 20])
def test_a_budget_that_is_too_small_names_the_smallest_that_works(num_factors: int) -> None:
    groups = plain_groups(LETTERS[:num_factors])
    with pytest.raises(SpecError, match=r"need at least \d+ runs, more than the 3 that max_runs leaves") as caught:
        lay_out(Auto(max_runs=3), groups, (), num_seeds=3)
    smallest = int(str(caught.value).split("raise max_runs to ")[1].split(",")[0])
    assert len(lay_out(Auto(max_runs=smallest), groups, (), num_seeds=3).cells) * 3 == smallest
    with pytest.raises(SpecError, match=f"at least {smallest} runs"):
        lay_out(Auto(max_runs=smallest - 1), groups, (), num_seeds=3)


def test_runs_of_controls_count() -> None:
    groups = plain_groups(LETTERS[:3])
    assert len(lay_out(Auto(), groups, (), num_seeds=3, max_runs=24).cells) == 8
    layout = lay_out(Auto(), groups, ("placebo",), num_seeds=3, max_runs=24)
    assert len(layout.cells) == 6 and "add_one_in" in layout.notes[0]


def test_two_designs_share_their_arms() -> None:
    layout = lay_out(Auto(), plain_groups(LETTERS[:7]), ())
    names = {cell.name for cell in layout.cells}
    assert len(layout.cells) == 30 and {"bare", "full", "+a", "-a"} <= names, "16 + 16 arms, bare and full in both"
    for comparison in layout.comparisons:
        assert comparison.contrast.keys() <= names
    contexts = {c.context for c in layout.comparisons if not c.exploratory}
    assert contexts == {"added to bare", "removed from full", "averaged over the others"}


def test_levels_and_needs_are_planned_too() -> None:
    assert "auto chose full_factorial for 5 factors: 18 arms" in lay_out(Auto(), NESTED, ()).notes[0]
    small = lay_out(Auto(max_runs=17), NESTED, ())
    assert "auto chose d_optimal in 16 cells" in small.notes[0] and len(small.cells) == 16
    wide = (*NESTED, *plain_groups(LETTERS[:6]))
    layout = lay_out(Auto(), wide, ())
    assert "auto chose d_optimal in 16 cells for 11 factors" in layout.notes[0]


def test_the_number_to_raise_max_runs_to_is_enough_with_controls_and_noise_runs() -> None:
    groups = plain_groups(LETTERS[:5])
    with pytest.raises(SpecError, match=r"raise max_runs to 28 \(7 of them for controls") as caught:
        lay_out(Auto(), groups, ("placebo",), num_seeds=3, max_runs=27, num_beside=4)
    assert "at least 21 runs, more than the 20 that max_runs leaves" in str(caught.value)
    layout = lay_out(Auto(), groups, ("placebo",), num_seeds=3, max_runs=28, num_beside=4)
    assert 3 * len(layout.cells) + 4 == 28


def test_stages_before_an_arm_count_as_runs() -> None:
    """An arm with c has a teacher, the same one in all of them: 8 arms and 1 teacher with three seeds."""
    groups = plain_groups("abc")

    def num_stages(cells: Sequence[Cell]) -> int:
        return len(cells) + any("c" in cell.factors for cell in cells)

    layout = lay_out(Auto(), groups, (), num_seeds=3, max_runs=27, num_stages=num_stages)
    assert "8 arms, 27 runs with 3 seeds, earlier stages included; few factors" in layout.notes[0]
    smaller = lay_out(Auto(), groups, (), num_seeds=3, max_runs=26, num_stages=num_stages)
    assert "auto chose add_one_in" in smaller.notes[0] and len(smaller.cells) == 5
