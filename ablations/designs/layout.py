"""What a design is made of: factors with their levels, cells in which some are on, and what is compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.spec.study import Alias, Comparison

BARE, FULL = "bare", "full"


@dataclass(frozen=True, slots=True)
class Group:
    """A factor of a design: off, or on at exactly one of its levels.

    Most have one level. Several: a factor written with levels, or factors that exclude each other. `needs` are
    switches of other groups without which this one cannot be on.
    """

    name: str
    levels: tuple[str, ...]  # the switches; the first is the one that `full` has
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm before its spec is built: the switches that are on, in the order of the grid."""

    name: str
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a design asks for."""

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    aliases: tuple[Alias, ...] = ()  # of main effects and two-way interactions, where the design mixes some
    notes: tuple[str, ...] = ()  # what a reader must know: why this design, arms appended, terms not estimable


def plain_groups(factors: Iterable[str]) -> tuple[Group, ...]:
    """Factors that are on or off and do not mind each other."""
    return tuple(Group(name, (name,)) for name in factors)


def switches_of(groups: Iterable[Group]) -> tuple[str, ...]:
    """All switches in the order of the grid."""
    return tuple(level for group in groups for level in group.levels)


def full_switches(groups: Iterable[Group]) -> tuple[str, ...]:
    """What is on in the full recipe: the first level of every group."""
    return tuple(group.levels[0] for group in groups)


def in_order(groups: Sequence[Group], switched_on: Iterable[str]) -> tuple[str, ...]:
    """Switches in the order of the grid, so that equal sets are equal tuples."""
    chosen = set(switched_on)
    return tuple(switch for switch in switches_of(groups) if switch in chosen)


def needed_by(groups: Sequence[Group], group: Group) -> tuple[str, ...]:
    """Every switch that must be on before this group can be, needs of needs included."""
    owner = {level: other for other in groups for level in other.levels}
    found: set[str] = set()
    ahead = list(group.needs)
    while ahead:
        switch = ahead.pop()
        if switch not in found:
            found.add(switch)
            ahead.extend(owner[switch].needs)
    return in_order(groups, found)


def dependants_of(groups: Sequence[Group], group: Group) -> tuple[Group, ...]:
    """The groups that cannot be on without this one."""
    return tuple(other for other in groups if set(needed_by(groups, other)) & set(group.levels))


def only_added(switches: Iterable[str], *, control: bool = False) -> Layout:
    """Arms beside the design: each switch added to bare."""
    cells = tuple(Cell(f"+{switch}", (switch,)) for switch in switches)
    return Layout(
        cells,
        tuple(
            Comparison(
                factor=cell.factors[0], context="added to bare", treatment=cell.name, reference=BARE, control=control
            )
            for cell in cells
        ),
    )
