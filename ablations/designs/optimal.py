"""The most informative cells among those that can be, for factors with levels or needs.

Fedorov's exchange (Fedorov 1972, Theory of Optimal Experiments): swap one cell of the design for a candidate as long as
det(X'X) grows. The determinant's inverse is the volume of the joint confidence region of all effects.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from ablations.designs.contrasts import columns
from ablations.designs.fitted import fitted_layout
from ablations.designs.layout import Cell, Group, Layout, full_switches, in_order, switches_of
from ablations.designs.states import components, feasible_sets, num_feasible, states_of
from pipeline.spec.base import Frozen, derive_seed
from pipeline.spec.errors import SpecError

MAX_CANDIDATES = 1024  # beyond that, a random sample of the sets that can be
STARTS = 10  # random designs from which the exchange climbs; the best end is kept
GROWTH = 1e-9  # smallest relative growth of the determinant that counts: below it is rounding


class DOptimal(Frozen):
    """Main effects from few cells, whatever excludes or needs what."""

    kind: Literal["d_optimal"] = "d_optimal"
    cells: int | None = Field(
        None, ge=2, description="with bare and full; default: the mean and effects, and half more"
    )
    seed: int = Field(0, ge=0)

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The cells, bare and full among them, and least-squares main effects.

        Raises:
            SpecError: there are fewer different sets than that, or too few cells for the effects.
        """
        num_terms = len(switches_of(groups)) + 1
        possible = num_feasible(groups)
        num_cells = self.cells or min(num_terms + (num_terms + 1) // 2, possible)
        if not num_terms <= num_cells <= possible:
            raise SpecError(
                f"design d_optimal: cells={num_cells}: expected from {num_terms}, for the mean and {num_terms - 1} "
                f"effects, to {possible:,}, which are all sets that can be"
            )
        rng = np.random.default_rng(derive_seed("d_optimal", self.seed))
        sets = _candidates(groups, rng)
        model = model_matrix(groups, sets)
        if np.linalg.matrix_rank(model) < num_terms:
            raise SpecError("design d_optimal: these factors can never be told apart; drop one of them")
        corners = (sets.index(()), sets.index(full_switches(groups)))
        chosen = exchange(model, num_cells, rng, corners)
        efficiency = d_efficiency(model[list(chosen)])
        note = f"D-optimal choice of {num_cells} of {possible:,} sets that can be: D-efficiency {efficiency:.3f}"
        return fitted_layout(self.kind, groups, [sets[index] for index in chosen], (note,))


def model_matrix(groups: Sequence[Group], sets: Sequence[tuple[str, ...]]) -> np.ndarray:
    """[num_sets, 1 + num_switches]: the mean and every main effect, off -1 and on +1."""
    cells = [Cell("", some) for some in sets]
    return np.column_stack([np.ones(len(sets)), columns(cells, [(switch,) for switch in switches_of(groups)])])


def d_efficiency(model: np.ndarray) -> float:
    """det(X'X)^(1/p) / N: 1 for an orthogonal design of N cells and p terms, where one exists."""
    num_cells, num_terms = model.shape
    sign, log_det = np.linalg.slogdet(model.T @ model)
    return float(np.exp(log_det / num_terms) / num_cells) if sign > 0 else 0.0


def exchange(
    candidates: np.ndarray, num_rows: int, rng: np.random.Generator, kept: Sequence[int] = ()
) -> tuple[int, ...]:
    """Rows of the candidates, each at most once, with the largest determinant found.

    Args:
        candidates: [num_candidates, num_terms], of full column rank.
        num_rows: of the design, at least num_terms.
        rng: for the designs to start from.
        kept: rows that stay in whatever happens.
    """
    best: tuple[int, ...] = ()
    best_log = -np.inf
    for _ in range(STARTS):
        rows = _climb(candidates, _start(candidates, num_rows, rng, kept), len(kept))
        design = candidates[rows]
        log_det = np.linalg.slogdet(design.T @ design)[1]
        if log_det > best_log + GROWTH:
            best, best_log = tuple(rows), log_det
    return best


def _start(candidates: np.ndarray, num_rows: int, rng: np.random.Generator, kept: Sequence[int]) -> list[int]:
    """Rows in random order that add a dimension come first, so that the determinant is not 0."""
    order = [*kept, *(int(i) for i in rng.permutation(len(candidates)) if i not in kept)]
    basis = np.zeros((0, candidates.shape[1]))
    first: list[int] = list(kept)
    for index in order:
        row = candidates[index] - basis.T @ (basis @ candidates[index])
        if (length := float(np.linalg.norm(row))) > 1e-6:
            basis = np.vstack([basis, row / length])
            if index not in kept:
                first.append(index)
    rest = [index for index in order if index not in first]
    return [*first, *rest][:num_rows]


def _climb(candidates: np.ndarray, rows: list[int], num_kept: int) -> list[int]:
    """Make the best swap of one row until none helps. det grows by (1 + d_new)(1 - d_old) + d_cross^2."""
    rows = list(rows)
    while True:
        inverse = np.linalg.inv(candidates[rows].T @ candidates[rows])
        spread = candidates @ inverse  # [num_candidates, num_terms]
        new = np.einsum("ij,ij->i", spread, candidates)
        cross = candidates[rows] @ spread.T  # [num_rows, num_candidates]
        growth = (1.0 + new)[None, :] * (1.0 - new[rows])[:, None] + cross**2
        growth[:num_kept] = 0.0
        growth[:, rows] = 0.0  # a cell that is there already would be run once and counted twice
        place, candidate = np.unravel_index(int(growth.argmax()), growth.shape)
        if growth[place, candidate] <= 1.0 + GROWTH:
            return rows
        rows[int(place)] = int(candidate)


def _candidates(groups: Sequence[Group], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """All sets that can be, or bare, full and a random sample of them."""
    if num_feasible(groups) <= MAX_CANDIDATES:
        return list(feasible_sets(groups))
    parts = [states_of(part) for part in components(groups)]
    found = dict.fromkeys(((), full_switches(groups)))
    while len(found) < MAX_CANDIDATES:
        drawn = (part[int(rng.integers(len(part)))] for part in parts)
        found[in_order(groups, (switch for state in drawn for switch in state))] = None
    return list(found)
