"""The weights of every effect that is more than a difference of two arms. One place, so that one definition holds.

Coding is -1 for off and +1 for on throughout. An effect is twice its coefficient: the average change from off to on
over the others. An interaction of a and b is half the difference between a's effect with b and without b; in 0/1
coding its coefficient is twice that, and a main effect's is the effect where all others are off, another question.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ablations.designs.layout import Cell, Group, full_switches, needed_by
from ablations.designs.states import components, states_of
from pipeline.spec.errors import SpecError

Weights = dict[str, float]
"""Arm -> weight. They add up to 0; the weighted sum of the arms' scores is the effect."""

Term = tuple[str, ...]
"""One switch for a main effect, two for their interaction."""

ROUNDING = 1e-9  # a weight or a residual below this is 0: weights are of order 1/cells and come from float64


def term_name(term: Term) -> str:
    """As plans and reports write it: `a`, or `a x b`."""
    return " x ".join(term)


Codes = dict[str, np.ndarray]
"""Switch -> [num_cells], what it contributes to the column of an interaction."""


def columns(cells: Sequence[Cell], terms: Sequence[Term], codes: Codes | None = None) -> np.ndarray:
    """[num_cells, num_terms]: the product of its switches, each -1 for off and +1 for on.

    Args:
        cells: the rows.
        terms: the columns.
        codes: from `interaction_codes`, for factors with levels or needs; default: -1 and +1 in interactions too.
    """
    if codes is not None:
        return np.column_stack(
            [columns(cells, [t])[:, 0] if len(t) == 1 else np.prod([codes[s] for s in t], axis=0) for t in terms]
        )
    switches = tuple(dict.fromkeys(switch for term in terms for switch in term))
    place = {switch: index for index, switch in enumerate(switches)}
    signs = np.array([[1.0 if s in cell.factors else -1.0 for s in switches] for cell in cells])
    signs = signs.reshape(len(cells), len(switches))
    picked = [signs[:, [place[s] for s in term]].prod(axis=1) for term in terms]
    return np.column_stack(picked) if picked else np.zeros((len(cells), 0))


def interaction_codes(cells: Sequence[Cell], groups: Sequence[Group]) -> Codes:
    """-1 and +1 for plain factors.

    Of a factor with three levels, one is on in a third of all sets: its code is moved to have mean 0 over the sets that
    can be, so that its interactions are 0 on average over the levels of the others. What needs another switch does
    nothing without it: 0.
    """
    codes: Codes = {}
    for part in components(groups):
        states = [set(state) for state in states_of(part)]
        for group in part:
            needs = set(needed_by(groups, group))
            where = [state for state in states if needs <= state]
            for level in group.levels:
                mean = sum(1.0 if level in state else -1.0 for state in where) / len(where)
                signs = columns(cells, [(level,)])[:, 0]
                met = np.array([needs <= set(cell.factors) for cell in cells])
                codes[level] = np.where(met, signs - mean, 0.0)
    return codes


def least_squares(cells: Sequence[Cell], terms: Sequence[Term]) -> dict[Term, Weights]:
    """The weights that ordinary least squares gives each arm, for the effects of one model with a mean.

    In a balanced design they are mean(on) - mean(off). A term that these cells cannot tell from the others of the
    model is left out of the answer: it must be named to the reader, never filled by a pseudo-inverse.
    """
    model = np.column_stack([np.ones(len(cells)), columns(cells, terms)])
    solved = np.linalg.pinv(model)
    resolved = solved @ model  # the identity, where every term can be estimated
    found: dict[Term, Weights] = {}
    for index, term in enumerate(terms, start=1):
        unit = np.zeros(len(terms) + 1)
        unit[index] = 1.0
        if np.abs(resolved[index] - unit).max() < 1e-7:
            found[term] = named(cells, 2.0 * solved[index])
    return found


def average_effect(cells: Sequence[Cell], switch: str) -> Weights:
    """On minus off, averaged over all pairs of cells that differ in this switch alone. Empty: there is none."""
    by_set = _by_set(cells)
    pairs = [(cell.name, by_set[rest]) for cell in cells if (rest := _without(cell, switch)) in by_set]
    return _summed(part for on, off in pairs for part in ((on, 1 / len(pairs)), (off, -1 / len(pairs))))


def average_interaction(cells: Sequence[Cell], first: str, second: str) -> Weights:
    """Half the difference of the first's effects with and without the second, averaged over all fours of cells.

    Empty: no four cells differ in these two alone.
    """
    by_set = _by_set(cells)
    fours: list[tuple[str, str, str, str]] = []
    for cell in cells:
        on = frozenset(cell.factors)
        without = (on - {first}, on - {second}, on - {first, second})
        if {first, second} <= on and all(some in by_set for some in without):
            b, a, none = (by_set[some] for some in without)
            fours.append((cell.name, b, a, none))
    share = 0.5 / len(fours) if fours else 0.0
    return _summed(
        part for both, b, a, none in fours for part in ((both, share), (b, -share), (a, -share), (none, share))
    )


def order_shares(cells: Sequence[Cell], groups: Sequence[Group], orders: Sequence[Sequence[str]]) -> dict[str, Weights]:
    """Each factor's mean gain over orders in which all are added to bare: a sample of its Shapley value.

    Args:
        cells: must hold every set that an order passes through.
        groups: a factor joins with its first level.
        orders: names of groups, each order all of them.
    """
    by_set = _by_set(cells)
    switch = {group.name: group.levels[0] for group in groups}
    parts: dict[str, list[tuple[str, float]]] = {group.name: [] for group in groups}
    for order in orders:
        before: frozenset[str] = frozenset()
        for name in order:
            after = before | {switch[name]}
            parts[name] += [(by_set[after], 1 / len(orders)), (by_set[before], -1 / len(orders))]
            before = after
    return {name: _summed(some) for name, some in parts.items()}


def exact_shares(cells: Sequence[Cell], groups: Sequence[Group]) -> dict[str, Weights]:
    """The Shapley value of every factor: its gain averaged over all orders that its needs allow.

    How many orders pass from one set to the next is counted over the sets that can be, not by listing orders.
    """
    full = frozenset(full_switches(groups))
    chain = {on: name for on, name in _by_set(cells).items() if on <= full}
    by_size = sorted(chain, key=len)
    ways_here = {frozenset(): 1.0}  # orders in which bare grows into this set
    for some in by_size[1:]:
        ways_here[some] = sum(ways_here.get(some - {switch}, 0.0) for switch in some)
    ways_on = {full: 1.0}  # orders in which this set grows into full
    for some in reversed(by_size[:-1]):
        ways_on[some] = sum(ways_on.get(some | {switch}, 0.0) for switch in full - some)
    shares: dict[str, Weights] = {}
    for group in groups:
        switch = group.levels[0]
        parts: list[tuple[str, float]] = []
        for some in by_size:
            if switch not in some and some | {switch} in chain:
                share = ways_here[some] * ways_on[some | {switch}] / ways_here[full]
                parts += [(chain[some | {switch}], share), (chain[some], -share)]
        shares[group.name] = _summed(parts)
    return shares


def mixing(
    cells: Sequence[Cell], weights: Mapping[Term, Weights], effects: Sequence[Term], codes: Codes | None = None
) -> np.ndarray:
    """[num_weights, num_effects]: how much of each effect is in each estimate; its own is 1.

    The alias matrix (X1'X1)^-1 X1'X2 of the model that gave the weights, read off the weights themselves.
    """
    rows = np.array([[some.get(cell.name, 0.0) for cell in cells] for some in weights.values()])
    return rows.reshape(len(weights), len(cells)) @ columns(cells, effects, codes) / 2.0


def variance_inflation(cells: Sequence[Cell], terms: Sequence[Term]) -> dict[Term, float]:
    """How much each estimate's variance grows because the model's columns are not orthogonal; 1: not at all."""
    model = columns(cells, terms)
    centred = model - model.mean(axis=0)
    gram = centred.T @ centred
    inverse = np.linalg.inv(gram)
    return {term: float(inverse[i, i] * gram[i, i]) for i, term in enumerate(terms)}


def named(cells: Sequence[Cell], row: np.ndarray) -> Weights:
    """A row of numbers, [num_cells], as weights of arms, without the zeros."""
    return {cell.name: float(weight) for cell, weight in zip(cells, row, strict=True) if abs(weight) > ROUNDING}


def steps(cells: Sequence[Cell], groups: Sequence[Group], order: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    """For each factor of one order: its first level, the arm that has just gained it, and the arm before."""
    by_set = _by_set(cells)
    switch = {group.name: group.levels[0] for group in groups}
    sets = [frozenset(switch[name] for name in order[:count]) for count in range(len(order) + 1)]
    return tuple(
        (switch[name], by_set[after], by_set[before])
        for name, before, after in zip(order, sets, sets[1:], strict=False)
    )


def require(weights: Mapping[Term, Weights], terms: Sequence[Term], why: Callable[[str], str]) -> None:
    """Every one of these terms must have weights.

    Raises:
        SpecError: `why` says it, given the names of those that have none.
    """
    lacking = [term_name(term) for term in terms if not weights.get(term)]
    if lacking:
        raise SpecError(why(", ".join(lacking)))


def _by_set(cells: Sequence[Cell]) -> dict[frozenset[str], str]:
    return {frozenset(cell.factors): cell.name for cell in cells}


def _without(cell: Cell, switch: str) -> frozenset[str] | None:
    on = frozenset(cell.factors)
    return on - {switch} if switch in on else None


def _summed(parts: Iterable[tuple[str, float]]) -> Weights:
    total: Weights = {}
    for arm, weight in parts:
        total[arm] = total.get(arm, 0.0) + weight
    return {arm: weight for arm, weight in total.items() if abs(weight) > ROUNDING}
