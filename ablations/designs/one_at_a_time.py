"""One factor at a time: each alone, each taken away from the full recipe, or both."""

from collections.abc import Sequence
from typing import Literal

from ablations.designs.layout import (
    BARE,
    FULL,
    Cell,
    Group,
    Layout,
    dependants_of,
    full_switches,
    in_order,
    needed_by,
)
from pipeline.spec.base import Frozen
from pipeline.spec.study import Comparison


class AddOneIn(Frozen):
    """Each factor alone, against the bare recipe."""

    kind: Literal["add_one_in"] = "add_one_in"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Bare, every level alone, and full."""
        return _join(groups, added(groups))


class LeaveOneOut(Frozen):
    """The full recipe without each factor, against the full recipe."""

    kind: Literal["leave_one_out"] = "leave_one_out"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Bare, full, and full without every factor."""
        return _join(groups, removed(groups))


class BothWays(Frozen):
    """Both: a factor may help alone and be redundant among the others, or the other way round."""

    kind: Literal["both_ways"] = "both_ways"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Bare, every level alone, full, and full without every factor; and how each fares with the rest."""
        return _join(groups, added(groups), removed(groups), with_the_rest(groups))


def added(groups: Sequence[Group]) -> Layout:
    """Every level against bare; one that needs another, against that other."""
    cells: list[Cell] = []
    comparisons: list[Comparison] = []
    for group in groups:
        needs = needed_by(groups, group)
        reference = "".join(f"+{need}" for need in needs) or BARE
        if len(needs) > 1 and all(cell.name != reference for cell in cells):
            cells.append(Cell(reference, needs))
        for level in group.levels:
            name = f"{'' if reference == BARE else reference}+{level}"
            cells.append(Cell(name, in_order(groups, (*needs, level))))
            context = "added to what it needs" if needs else "added to bare"
            comparisons.append(Comparison(factor=level, context=context, treatment=name, reference=reference))
    return Layout(tuple(cells), tuple(comparisons))


def removed(groups: Sequence[Group]) -> Layout:
    """Full against full without each factor. Other levels of a factor take the first one's place in full."""
    cells: list[Cell] = []
    comparisons: list[Comparison] = []
    full = full_switches(groups)
    for group in groups:
        first, *others = group.levels
        with_it = {g.name for g in dependants_of(groups, group)}
        gone = {first, *(g.levels[0] for g in groups if g.name in with_it)}
        rest = Cell(f"-{first}", tuple(switch for switch in full if switch not in gone))
        cells.append(rest)
        note = f"group removal: without {first} there is no {', '.join(sorted(with_it))} either" if with_it else ""
        comparisons.append(
            Comparison(factor=first, context="removed from full", treatment=FULL, reference=rest.name, note=note)
        )
        for level in others:
            swapped = Cell(f"{FULL}~{level}", in_order(groups, (*rest.factors, level)))
            cells.append(swapped)
            comparisons.append(
                Comparison(factor=level, context="removed from full", treatment=swapped.name, reference=rest.name)
            )
    return Layout(tuple(cells), tuple(comparisons))


def with_the_rest(groups: Sequence[Group]) -> Layout:
    """For each plain factor, its effect in full less its effect in bare: what the others add to it, or take.

    Only where both are about the factor alone: it has one level, needs nothing, and nothing needs it.
    """
    alone = [g for g in groups if len(g.levels) == 1 and not g.needs and not dependants_of(groups, g)]
    return Layout(
        (),
        tuple(
            Comparison(
                factor=group.levels[0],
                context="interaction with the rest",
                weights={FULL: 1.0, f"-{group.levels[0]}": -1.0, f"+{group.levels[0]}": -1.0, BARE: 1.0},
                exploratory=True,
                note="removed from full, less added to bare: below 0, the others do part of its work",
            )
            for group in alone
            if len(groups) > 1
        ),
    )


def _join(groups: Sequence[Group], *parts: Layout) -> Layout:
    adding = [cell for part in parts for cell in part.cells if not cell.name.startswith(("-", FULL))]
    removing = [cell for part in parts for cell in part.cells if cell.name.startswith(("-", FULL))]
    return Layout(
        cells=(Cell(BARE, ()), *adding, Cell(FULL, full_switches(groups)), *removing),
        comparisons=tuple(comparison for part in parts for comparison in part.comparisons),
    )
