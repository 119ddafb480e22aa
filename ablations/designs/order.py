"""Factors added one after another: in a given order, or over many orders for the share of each in the gain."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from pydantic import Field

from ablations.designs.contrasts import order_shares, steps
from ablations.designs.factorial import share_comparisons
from ablations.designs.layout import (
    Cell,
    Group,
    Layout,
    dependants_of,
    full_switches,
    named_cells,
    needed_by,
)
from ablations.designs.states import components
from pipeline.spec.base import Frozen, derive_seed
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Comparison

Order = tuple[str, ...]
"""Names of groups, each after all that it needs."""


class Stack(Frozen):
    """Bare, then one factor more at a time. What a step gains depends on what was there before it."""

    kind: Literal["stack"] = "stack"
    order: tuple[str, ...] = Field((), description="factors from first to last; empty: the order of the grid")
    orders: int = Field(1, ge=1, le=1000, description="this order and `orders - 1` random ones")
    seed: int = Field(0, ge=0, description="of the random orders")

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The arms along each order; the steps of the first, and with more orders the mean gain over all.

        Raises:
            SpecError: `order` is not all factors once, or has one before what it needs.
        """
        given = self._given(groups)
        rng = np.random.default_rng(derive_seed("stack", self.seed))
        chosen = (given, *(random_order(groups, rng) for _ in range(self.orders - 1)))
        cells, beside = _along(groups, chosen)
        in_words = ", ".join(given)
        path = tuple(
            Comparison(
                factor=factor,
                context="added in this order",
                treatment=after,
                reference=before,
                exploratory=self.orders > 1,
            )
            for factor, after, before in steps(cells, groups, given)
        )
        shares = _shares(cells, groups, chosen, 1) if self.orders > 1 else ()
        note = f"stack: the gain of each step depends on the order, {in_words}; another may share it out otherwise"
        if self.orders > 1:
            steps_of = f"steps of the first, {in_words}, are beside them"
            note = f"stack over {self.orders} orders: shares are means over them; {steps_of}"
        return Layout(cells, (*shares, *path, *beside), notes=(note,))

    def _given(self, groups: Sequence[Group]) -> Order:
        names = tuple(group.name for group in groups)
        given = self.order or _sorted_by_needs(groups)
        if sorted(given) != sorted(names):
            every = ", ".join(names)
            raise SpecError(f"design.order: {_misnamed(given, names)}; it must name every factor once: {every}")
        owner = _owner(groups)
        for place, name in enumerate(given):
            group = next(g for g in groups if g.name == name)
            late = [need for need in needed_by(groups, group) if owner[need] not in given[:place]]
            if late:
                raise SpecError(f"design.order: {name} is before {', '.join(late)}, which it needs; swap them")
        return given


class Shapley(Frozen):
    """Each factor's mean gain over random orders: a share of the gain that does not depend on one order."""

    kind: Literal["shapley"] = "shapley"
    orders: int = Field(8, ge=2, le=1000, multiple_of=2, description="half of them drawn, each with its reverse")
    seed: int = Field(0, ge=0, description="of the random orders")

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The arms along antithetic pairs of orders, and the share of every factor."""
        rng = np.random.default_rng(derive_seed("shapley", self.seed))
        chosen: list[Order] = []
        for _ in range(self.orders // 2):
            chosen += antithetic_pair(groups, rng)
        cells, beside = _along(groups, chosen)
        note = (
            f"Shapley shares over {len(chosen)} orders in antithetic pairs, {len(set(chosen))} of them different: the "
            "interval of a share covers luck of the seeds; what other orders would have changed stands beside it"
        )
        shares = _shares(cells, groups, chosen, 2)
        return Layout(cells, (*shares, *beside), notes=(note,))


def _misnamed(given: Order, names: Order) -> str:
    """What is wrong with an order that is not all of these names once."""
    faults = {
        "is no factor": [name for name in dict.fromkeys(given) if name not in names],
        "is there twice": [name for name in dict.fromkeys(given) if given.count(name) > 1],
        "is missing": [name for name in names if name not in given],
    }
    return ", ".join(f"{name} {fault}" for fault, found in faults.items() for name in found)


def random_order(groups: Sequence[Group], rng: np.random.Generator) -> Order:
    """Uniform among all orders that the needs allow."""
    return antithetic_pair(groups, rng)[0]


def antithetic_pair(groups: Sequence[Group], rng: np.random.Generator) -> tuple[Order, Order]:
    """A random order and its reverse, each uniform among the orders that the needs allow.

    Factors that hang together by needs cannot be reversed: their places are, and who takes which is drawn anew.
    """
    parts = components(groups)
    owner = [index for index, part in enumerate(parts) for _ in part]
    places = [owner[index] for index in rng.permutation(len(owner))]

    def fill(sequence: Sequence[int]) -> Order:
        waiting = [list(reversed(_linear_extension(part, rng))) for part in parts]
        return tuple(waiting[index].pop() for index in sequence)

    return fill(places), fill(places[::-1])


def _linear_extension(part: Sequence[Group], rng: np.random.Generator) -> list[str]:
    """A uniform order of one component: the next one is drawn in proportion to the orders that begin with it."""
    owner = _owner(part)
    needs = {group.name: frozenset(owner[need] for need in needed_by(part, group)) for group in part}

    @cache
    def num_orders(left: frozenset[str]) -> int:
        return sum(num_orders(left - {name}) for name in _ready(left)) if left else 1

    def _ready(left: frozenset[str]) -> list[str]:
        return sorted(name for name in left if not needs[name] & left)

    left, found = frozenset(needs), []
    while left:
        ready = _ready(left)
        ways = np.array([num_orders(left - {name}) for name in ready], dtype=float)
        found.append(ready[int(rng.choice(len(ready), p=ways / ways.sum()))])
        left -= {found[-1]}
    return found


def _shares(
    cells: Sequence[Cell], groups: Sequence[Group], orders: Sequence[Order], drawn_together: int
) -> tuple[Comparison, ...]:
    """The mean gain of every factor over these orders, with its steps in each draw of one or two orders."""
    by_order = [{name: (after, before) for name, after, before in steps(cells, groups, order)} for order in orders]
    draws = {
        group.levels[0]: tuple(
            tuple(some[group.levels[0]] for some in by_order[start : start + drawn_together])
            for start in range(0, len(by_order), drawn_together)
        )
        for group in groups
    }
    return share_comparisons(groups, order_shares(cells, groups, orders), draws=draws)


def _along(groups: Sequence[Group], orders: Sequence[Order]) -> tuple[tuple[Cell, ...], tuple[Comparison, ...]]:
    """The arms that these orders pass, and for factors that exclude each other the choice among them in full."""
    switch = {group.name: group.levels[0] for group in groups}
    sets = [{switch[name] for name in order[:count]} for order in orders for count in range(len(order) + 1)]
    swaps: list[tuple[str, str, set[str]]] = []
    for group in groups:
        bound = {other.levels[0] for other in dependants_of(groups, group)}  # they could not stay without the first
        swaps += [(group.levels[0], level, set(full_switches(groups)) - bound) for level in group.levels[1:]]
    beside = [some for first, level, rest in swaps for some in (rest, rest - {first} | {level})]
    cells = named_cells(groups, [*sets, *beside])
    by_set = {frozenset(cell.factors): cell.name for cell in cells}
    choices = tuple(
        Comparison(
            factor=level,
            context="removed from full",
            treatment=by_set[frozenset(rest - {first} | {level})],
            reference=by_set[frozenset(rest)],
            exploratory=True,
            note=f"{level} in place of {first}",
        )
        for first, level, rest in swaps
    )
    return cells, choices


def _sorted_by_needs(groups: Sequence[Group]) -> Order:
    """The order of the grid, with every factor moved behind what it needs."""
    owner, placed = _owner(groups), []

    def place(group: Group) -> None:
        for need in needed_by(groups, group):
            place(next(g for g in groups if g.name == owner[need]))
        if group.name not in placed:
            placed.append(group.name)

    for group in groups:
        place(group)
    return tuple(placed)


def _owner(groups: Sequence[Group]) -> dict[str, str]:
    """Switch -> the name of its group."""
    return {level: group.name for group in groups for level in group.levels}
