"""Plackett-Burman designs: as many factors as there are cells, less one, for main effects only."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from pydantic import Field

from ablations.designs.fitted import fitted_layout
from ablations.designs.fractional import fraction_of_size
from ablations.designs.layout import Group, Layout
from ablations.designs.states import on_or_off_only
from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError

MAX_CELLS = 256
HALF_MIXED = 20  # cells: each main effect has 60% of some interactions in it; with 12 and 24 it is a third at most


class PlackettBurman(Frozen):
    """A screen: which of many factors are worth a closer look (Plackett & Burman 1946, Biometrika 33)."""

    kind: Literal["plackett_burman"] = "plackett_burman"
    cells: int | None = Field(
        None,
        ge=4,
        le=MAX_CELLS,
        description="a multiple of 4; default: the fewest in which no main effect is mixed with an interaction by half",
    )
    fold_over: bool = Field(False, description="add every cell's opposite: mains are clear of two-way interactions")

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The cells, bare and full among them; main effects alone.

        Raises:
            SpecError: a factor has levels or needs, or there is no such design.
        """
        factors = on_or_off_only(groups, self.kind)
        num_cells = self.cells or num_cells_for(len(factors), self.fold_over)
        sets = screen_sets(factors, num_cells)
        notes = [f"Plackett-Burman screen in {num_cells} cells: main effects of {len(factors)} factors only"]
        if self.fold_over:
            opposite = [tuple(f for f in factors if f not in some) for some in sets]
            sets = list(dict.fromkeys([*sets, *opposite]))  # a design of even words only is its own opposite
            notes.append(
                f"with every cell's opposite, {len(sets)} cells: main effects are clear of two-way interactions"
            )
        else:
            notes.append("run the survivors again in a factorial with fresh seeds: the best of a screen look too good")
        return fitted_layout(self.kind, groups, sets, notes)


def num_cells_for(num_factors: int, fold_over: bool = False) -> int:
    """The fewest cells of a Plackett-Burman design that can judge this many factors.

    Five factors would fit into 8 cells, but there each main effect is one with an interaction, and no verdict is
    possible; in 12 cells it has a third of each. In 20 cells it has 60% of some, so that what helps may be an
    interaction of others; 4 cells more bring that down to a third. With every cell's opposite, no such care is needed.

    Raises:
        SpecError: there are too many factors.
    """
    sizes = [n for n in range(4, MAX_CELLS + 1, 4) if n > num_factors and can_be_built(n)]
    if fold_over and sizes:
        return sizes[0]
    for num_cells in sizes:
        regular = num_cells & (num_cells - 1) == 0
        if num_factors <= num_cells // 2 if regular else _is_paley(num_cells) and num_cells != HALF_MIXED:
            return num_cells
    raise SpecError(f"design plackett_burman: takes up to {MAX_CELLS - 1} factors, not {num_factors}")


def screen_sets(factors: tuple[str, ...], num_cells: int) -> list[tuple[str, ...]]:
    """The switches that are on in each cell; bare is the first.

    Raises:
        SpecError: there is no such design.
    """
    if num_cells <= len(factors) or not can_be_built(num_cells):
        sizes = [n for n in range(4, 64, 4) if n > len(factors) and can_be_built(n)]
        raise SpecError(
            f"design plackett_burman: no design for {len(factors)} factors in {num_cells} cells; choose one of "
            f"{', '.join(map(str, sizes))}"
        )
    if num_cells & (num_cells - 1) == 0 and len(factors) <= num_cells // 2:
        # Of the designs of this size, the fractions with the fewest short words: resolution IV.
        return fraction_of_size(factors, num_cells).sets()
    matrix = hadamard(num_cells)[:, 1 : len(factors) + 1]
    return [tuple(factor for factor, sign in zip(factors, row, strict=True) if sign > 0) for row in matrix]


def can_be_built(num_cells: int) -> bool:
    """Whether `hadamard` knows a construction of this order."""
    if num_cells in (1, 2) or _is_paley(num_cells):
        return True
    return num_cells % 2 == 0 and can_be_built(num_cells // 2)


@cache
def hadamard(order: int) -> np.ndarray:
    """[order, order] of -1 and +1 with orthogonal columns; the first column is +1, the first row -1 but for that.

    Paley's first construction where order - 1 is a prime that leaves 3 when divided by 4 (Paley 1933, J. Math. Phys.
    12), which gives the designs with 12, 20 and 24 cells of Plackett and Burman; Sylvester's doubling otherwise.
    """
    if order == 1:
        return np.ones((1, 1), dtype=int)
    if not _is_paley(order) or order & (order - 1) == 0:
        half = hadamard(order // 2)
        matrix = np.block([[half, half], [half, -half]])
    else:
        prime = order - 1
        squares = {value * value % prime for value in range(1, prime)}
        character = np.array([0] + [1 if value in squares else -1 for value in range(1, prime)])
        shifts = character[(np.arange(prime)[None, :] - np.arange(prime)[:, None]) % prime]
        skew = np.block(
            [[np.zeros((1, 1), dtype=int), np.ones((1, prime), dtype=int)], [-np.ones((prime, 1), dtype=int), shifts]]
        )
        matrix = skew + np.eye(order, dtype=int)
    matrix = matrix * matrix[:, :1]
    signs = -matrix[0]
    signs[0] = 1
    return matrix * signs


def _is_paley(order: int) -> bool:
    prime = order - 1
    return order % 4 == 0 and all(prime % divisor for divisor in range(2, int(prime**0.5) + 1))
