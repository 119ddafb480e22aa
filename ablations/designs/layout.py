"""What a design is made of: factors with their levels, cells in which some are on, and what is compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.spec.errors import SpecError
from pipeline.spec.study import Alias, Comparison

BARE, FULL = "bare", "full"
MAX_NAMED = 3  # an arm's name lists up to this many switches; longer ones do not fit a table


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
    seeds: tuple[int, ...] | None = None  # the only ones it runs with; None: all of the study


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


def named_cells(groups: Sequence[Group], chosen: Iterable[Iterable[str]]) -> tuple[Cell, ...]:
    """A cell for every different set of switches, in the order given.

    Names say what is on (`+a+b`) or what full has and this cell lacks (`-c-d`), whichever is shorter; a cell that is
    far from both is `cell NN`, numbered by its place among all cells of the design.
    """
    full = full_switches(groups)
    sets = tuple(dict.fromkeys(in_order(groups, some) for some in chosen))
    digits = max(2, len(str(len(sets))))
    taken: set[str] = set()
    cells: list[Cell] = []
    for number, switches in enumerate(sets, start=1):
        name = _short_name(switches, full)
        if name is None or name in taken:  # `-a-b` may lack a and b, or one factor called "a-b"
            name = f"cell {number:0{digits}d}"
        taken.add(name)
        cells.append(Cell(name, switches))
    return tuple(cells)


def _short_name(switches: tuple[str, ...], full: tuple[str, ...]) -> str | None:
    if not switches:
        return BARE
    if switches == full:
        return FULL
    lacking = [switch for switch in full if switch not in switches]
    within_full = len(switches) + len(lacking) == len(full)
    if within_full and len(lacking) < len(switches):
        return "".join(f"-{switch}" for switch in lacking) if len(lacking) <= MAX_NAMED else None
    return "".join(f"+{switch}" for switch in switches) if len(switches) <= MAX_NAMED else None


def check_groups(groups: Sequence[Group]) -> None:
    """Whether the factors fit together.

    Raises:
        SpecError: a name is used twice, a need is unknown, goes round in a circle, or is missing from the full recipe.
    """
    switches = switches_of(groups)
    twice = sorted({switch for switch in switches if switches.count(switch) > 1})
    if twice:
        raise SpecError(f"factors: {', '.join(twice)} is there twice; give every switch a name of its own")
    owner = {level: group for group in groups for level in group.levels}
    full = full_switches(groups)
    for group in groups:
        for need in group.needs:
            if need not in owner:
                raise SpecError(
                    f"factor {group.name}: needs {need!r}, which is no factor; known: {', '.join(switches)}"
                )
            if need not in full:
                raise SpecError(
                    f"factor {group.name}: needs {need!r}, but full has {owner[need].levels[0]!r} in its place, so "
                    f"that full could not have {group.name}; write {need!r} first"
                )
        if set(needed_by(groups, group)) & set(group.levels):
            raise SpecError(f"factor {group.name}: needs itself, by way of {', '.join(needed_by(groups, group))}")


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
