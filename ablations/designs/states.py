"""Which sets of switches can be on together: one level of a factor at a time, and never without what it needs."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from ablations.designs.layout import Group, dependants_of, in_order, needed_by
from pipeline.spec.errors import SpecError


def components(groups: Sequence[Group]) -> tuple[tuple[Group, ...], ...]:
    """Groups that hang together by their needs, in the order of the grid. Most stand alone."""
    joined: list[list[Group]] = []
    for group in groups:
        related = {g.name for g in dependants_of(groups, group)} | {
            g.name for g in groups if set(needed_by(groups, group)) & set(g.levels)
        }
        touching = [part for part in joined if related & {g.name for g in part}]
        merged = [g for part in touching for g in part] + [group]
        joined = [part for part in joined if part not in touching] + [merged]
    place = {group.name: index for index, group in enumerate(groups)}
    parts = [tuple(sorted(part, key=lambda g: place[g.name])) for part in joined]
    return tuple(sorted(parts, key=lambda part: place[part[0].name]))


def states_of(part: Sequence[Group]) -> tuple[tuple[str, ...], ...]:
    """What one component can be, as a factor with levels of its own: off first, then every set that its needs allow."""
    found: list[tuple[str, ...]] = []
    for levels in product(*((None, *group.levels) for group in part)):
        on = {level for level in levels if level is not None}
        if all(set(group.needs) <= on for group, level in zip(part, levels, strict=True) if level is not None):
            found.append(in_order(part, on))
    return tuple(found)


def num_feasible(groups: Sequence[Group]) -> int:
    """How many different sets of switches can be."""
    return prod(len(states_of(part)) for part in components(groups))


def feasible_sets(groups: Sequence[Group]) -> Iterator[tuple[str, ...]]:
    """Every set of switches that can be: bare first, the last factor changing fastest."""
    for chosen in product(*(states_of(part) for part in components(groups))):
        yield in_order(groups, (switch for state in chosen for switch in state))


def on_or_off_only(groups: Sequence[Group], kind: str) -> tuple[str, ...]:
    """The switches of a design that takes nothing but plain factors.

    Raises:
        SpecError: a factor has several levels or needs another.
    """
    for group in groups:
        what = f"has the levels {', '.join(group.levels)}" if len(group.levels) > 1 else ""
        what = what or (f"needs {', '.join(group.needs)}" if group.needs else "")
        if what:
            raise SpecError(
                f"design {kind}: factor {group.name} {what}, and this design takes factors that are on or off, each "
                "free of the others. Choose d_optimal, random_subsets, full_factorial or both_ways, or drop a factor"
            )
    return tuple(group.levels[0] for group in groups)


def pairs_that_can_be(groups: Sequence[Group]) -> tuple[tuple[str, str], ...]:
    """Pairs of switches whose interaction means something: each can be on with and without the other."""
    found: list[tuple[str, str]] = []
    for index, first in enumerate(groups):
        for second in groups[index + 1 :]:
            bound = {*needed_by(groups, first), *needed_by(groups, second)}
            if not bound & {*first.levels, *second.levels}:
                found += [(a, b) for a in first.levels for b in second.levels]
    return tuple(found)


def pairs_that_cannot_be(groups: Sequence[Group]) -> tuple[str, ...]:
    """Interactions that no design can estimate: one of the two is never on without the other."""
    known = set(pairs_that_can_be(groups))
    return tuple(
        f"{a} x {b}"
        for index, first in enumerate(groups)
        for second in groups[index + 1 :]
        for a in first.levels
        for b in second.levels
        if (a, b) not in known
    )
