"""The factors of a grid as a design needs them: which exclude each other, and which need another.

Factors that cannot be together become one factor with several levels, so that every arm of the design can be. Two
columns with dead cells would be a worse design, and a full recipe that cannot be would answer nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ablations.designs.layout import Group, in_order, needed_by

WhyNot = Callable[[tuple[str, ...]], str]


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a design lays out, and what it has to leave beside it."""

    groups: tuple[Group, ...]
    outside: tuple[str, ...] = ()  # switches that no full recipe can have: only ever added to bare
    notes: tuple[str, ...] = ()


def group_factors(levels: dict[str, tuple[str, ...]], why_not: WhyNot) -> Grouping:
    """Fold what excludes each other, and find what needs what.

    Args:
        levels: factor -> its switches, in the order of the grid.
        why_not: why bare with these switches is impossible, or nothing. Asked about single ones, pairs, and pairs with
            what they need.
    """
    notes: list[str] = []
    groups: list[Group] = []
    outside: list[str] = []
    alone = {switch: not why_not((switch,)) for switches in levels.values() for switch in switches}
    for name, switches in levels.items():
        if all(alone[switch] for switch in switches):
            groups.append(Group(name, switches))
            continue
        parent = _parent_of(name, switches, levels, alone, why_not) if len(switches) == 1 else None
        if parent is None:
            possible = tuple(switch for switch in switches if alone[switch])
            outside += [switch for switch in switches if not alone[switch]]
            if possible:
                groups.append(Group(name, possible))
        else:
            groups.append(Group(name, switches, needs=(parent,)))
            notes.append(f"{name} is possible only together with {parent}: it is judged where {parent} is on")
    folded = _fold(groups, why_not, outside, notes)
    return Grouping(folded, tuple(outside), tuple(notes))


def _parent_of(
    name: str, switches: tuple[str, ...], levels: dict[str, tuple[str, ...]], alone: dict[str, bool], why_not: WhyNot
) -> str | None:
    """The one switch of another factor that makes this one possible; None where there is none, or a choice."""
    others = [s for other, found in levels.items() if other != name for s in found if alone[s]]
    parents = [switch for switch in others if not why_not((*switches, switch))]
    return parents[0] if len(parents) == 1 and levels.get(parents[0]) == (parents[0],) else None


def _fold(groups: Sequence[Group], why_not: WhyNot, outside: list[str], notes: list[str]) -> tuple[Group, ...]:
    """Groups that all exclude each other become one. Where that is not so, whoever stands in most ways steps out."""
    clashes = {group: {other for other in groups if _clash(groups, group, other, why_not, any)} for group in groups}
    wholly = {group: {other for other in groups if _clash(groups, group, other, why_not, all)} for group in groups}
    left = list(groups)
    folded: dict[Group, tuple[Group, ...]] = {}
    while left:
        together = _connected(left, clashes)
        foldable = not any(group.needs for group in together) and all(
            other in wholly[group] for group in together for other in together if other is not group
        )
        if len(together) == 1 or foldable:
            folded[together[0]] = together
            left = [group for group in left if group not in together]
            continue
        worst = max(together, key=lambda group: (len(clashes[group] & set(left)), groups.index(group)))
        others = [group for group in together if group in clashes[worst]]
        names, reason = [group.name for group in others], _reason(groups, worst, others[0], why_not)
        notes.append(
            f"{worst.name} cannot be together with {' nor with '.join(names)} ({reason}): the full recipe is without "
            f"{worst.name}, which is only added to bare"
        )
        outside += worst.levels
        left.remove(worst)
    found = []
    for group in (group for group in groups if group in folded):
        levels = tuple(level for member in folded[group] for level in member.levels)
        if len(folded[group]) > 1:
            notes.append(
                f"{' and '.join(levels)} exclude each other ({why_not(levels[:2])}): one factor with {len(levels)} "
                f"levels; full has {levels[0]}"
            )
            group = Group("|".join(member.name for member in folded[group]), levels)
        found.append(group)
    return tuple(found)


def _connected(left: Sequence[Group], clashes: Mapping[Group, set[Group]]) -> tuple[Group, ...]:
    """The first of these groups with all that clashes lead to from it, in order."""
    found = {left[0]}
    while more := {other for group in found for other in clashes[group] if other in left} - found:
        found |= more
    return tuple(group for group in left if group in found)


def _clash(
    groups: Sequence[Group], one: Group, other: Group, why_not: WhyNot, quantify: Callable[[Iterator[bool]], bool]
) -> bool:
    """Whether any, or all, pairs of their levels are impossible. A group does not clash with what it needs."""
    needs = (*needed_by(groups, one), *needed_by(groups, other))
    if one is other or set(needs) & {*one.levels, *other.levels}:
        return False
    return quantify(bool(reason) for reason in _reasons(groups, one, other, why_not))


def _reason(groups: Sequence[Group], one: Group, other: Group, why_not: WhyNot) -> str:
    return next(reason for reason in _reasons(groups, one, other, why_not) if reason)


def _reasons(groups: Sequence[Group], one: Group, other: Group, why_not: WhyNot) -> Iterator[str]:
    """For each pair of their levels, with what these need: why it cannot be, or nothing."""
    needs = (*needed_by(groups, one), *needed_by(groups, other))
    for pair in product(one.levels, other.levels):
        yield why_not(in_order(groups, (*needs, *pair)))
