"""A fraction of all combinations, chosen so that what it mixes with main effects is as far-fetched as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ablations.designs.aberration import find_fraction
from ablations.designs.aliases import (
    defining_relation,
    lengths_of,
    resolution,
    resolution_name,
    word,
    word_lengths,
    write_word,
)
from ablations.designs.fitted import fitted_layout
from ablations.designs.generators import Generator, read_generators
from ablations.designs.layout import Group, Layout
from ablations.designs.states import on_or_off_only
from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError

MAX_BASIC = 12  # free factors: 4096 cells, as in a full factorial
MAX_GENERATED = 22  # the relation of that many has 4 million words, counted in 0.1 s
MAX_WORDS_SHOWN = 15  # of the defining relation; four generators


class Fractional(Frozen):
    """2^(k-p) cells. Say how many `cells`, which `resolution`, or write the `generators`; else resolution IV."""

    kind: Literal["fractional"] = "fractional"
    cells: int | None = Field(None, ge=2, description="a power of 2")
    resolution: int | None = Field(None, ge=3, description="length of the shortest word, at least; 4: mains are clear")
    generators: tuple[str, ...] = Field((), description="such as `e = a*b*c`, or `e = -a*b`; one per dependent factor")

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if sum((self.cells is not None, self.resolution is not None, bool(self.generators))) > 1:
            raise ValueError("expected cells, resolution or generators, and only one of them")
        if self.cells is not None and self.cells & (self.cells - 1):
            below = 1 << (self.cells.bit_length() - 1)
            raise ValueError(
                f"cells: {self.cells} is no power of 2, as the number of cells of a fraction must be; "
                f"write {below} or {2 * below}"
            )
        return self

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The cells, bare and full among them; main effects, and one interaction for each set that is not told apart.

        Raises:
            SpecError: a factor has levels or needs, or there is no such fraction.
        """
        factors = on_or_off_only(groups, self.kind)
        fraction = self.choose(factors)
        notes = fraction.notes()
        if self.resolution is not None and not fraction.generators:
            asked = f"resolution {resolution_name(self.resolution)} was asked for, and no part of them has it"
            notes = (*notes, f"{asked}: the design is full_factorial by another name")
        return fitted_layout(self.kind, groups, fraction.sets(), notes, interactions=True)

    def choose(self, factors: tuple[str, ...]) -> "Fraction":
        """The fraction for these factors, its resolution recomputed from the defining relation.

        Raises:
            SpecError: there is no such fraction.
        """
        if self.generators:
            fraction = Fraction(factors, read_generators(self.generators, factors), "as written")
            fraction.check()
            return fraction
        if self.cells is not None:
            return fraction_of_size(factors, self.cells)
        wanted = self.resolution or 4
        for num_basic in range(1, min(len(factors), MAX_BASIC) + 1):
            if 1 << num_basic < min(fewest_cells(len(factors), wanted), 1 << len(factors)):
                continue
            fraction = fraction_of_size(factors, 1 << num_basic)
            if fraction.resolution is None or fraction.resolution >= wanted:
                return fraction
        raise SpecError(
            f"design fractional: found no fraction of resolution {resolution_name(wanted)} for {len(factors)} factors "
            f"in {1 << MAX_BASIC:,} cells; ask for a lower resolution"
        )


@dataclass(frozen=True)
class Fraction:
    """A regular fraction: free factors take all combinations, and each of the others a product of free ones."""

    factors: tuple[str, ...]  # in the order of the grid
    generators: tuple[Generator, ...]
    how: str  # why these generators

    @cached_property
    def relation(self) -> np.ndarray:
        """The defining relation."""
        return defining_relation(word({g.factor, *g.product}, self.factors, g.sign) for g in self.generators)

    @property
    def resolution(self) -> int | None:
        """Length of the shortest word, counted over the whole relation."""
        return resolution(self.relation)

    def check(self) -> None:
        """Whether main effects are told apart.

        Raises:
            SpecError: two factors are never apart, or one never varies.
        """
        if self.resolution is not None and self.resolution < 3:
            shortest = write_word(int(self.relation[lengths_of(self.relation).argmin()]), self.factors)
            raise SpecError(
                f"design fractional: with these generators I = {shortest}, so that these factors are never told "
                "apart; give each generated factor another product of two free ones or more"
            )

    def sets(self) -> list[tuple[str, ...]]:
        """The switches that are on in each cell, the first free factor changing slowest."""
        dependent = {generator.factor for generator in self.generators}
        free = [factor for factor in self.factors if factor not in dependent]
        found: list[tuple[str, ...]] = []
        for signs in product((-1, 1), repeat=len(free)):
            sign = dict(zip(free, signs, strict=True))
            for generator in self.generators:
                num_off = sum(sign[factor] < 0 for factor in generator.product)
                sign[generator.factor] = generator.sign * (-1) ** num_off
            found.append(tuple(factor for factor in self.factors if sign[factor] > 0))
        return found

    def notes(self) -> tuple[str, ...]:
        """Size, resolution, generators and word lengths, as a plan prints them."""
        k, p = len(self.factors), len(self.generators)
        if not p:
            return (f"all {1 << k} combinations of {k} factors: no effect is mixed with another",)
        written = ", ".join(
            f"{g.factor} = {write_word(word(g.product, self.factors, g.sign), self.factors)}" for g in self.generators
        )
        counts = ", ".join(str(count) for count in word_lengths(self.relation))
        size = f"2^({k}-{p}) fraction: {1 << (k - p)} of {1 << k:,} combinations"
        lines = [
            f"{size}, resolution {resolution_name(self.resolution)}, {self.how}; generators {written}; words of length "
            f"3 and up: {counts}"
        ]
        if len(self.relation) <= MAX_WORDS_SHOWN:
            lines.append(f"I = {' = '.join(write_word(int(some), self.factors) for some in self.relation)}")
        return tuple(lines)


def fewest_cells(num_factors: int, wanted: int) -> int:
    """No fraction of this resolution has fewer: its cells must tell this many effects apart.

    Resolution III: the mean and all main effects; IV: twice the factors (Webb 1968, Technometrics 10); V and up: the
    mean, main effects and two-way interactions.
    """
    if wanted >= 5:
        return 1 + num_factors + comb(num_factors, 2)
    return 2 * num_factors if wanted == 4 else 1 + num_factors


def fraction_of_size(factors: tuple[str, ...], num_cells: int) -> Fraction:
    """The fraction with this many cells, signs chosen so that bare is one of them.

    Raises:
        SpecError: it could not tell the main effects apart, or is too large.
    """
    num_basic = num_cells.bit_length() - 1
    if num_basic >= len(factors):
        if len(factors) > MAX_BASIC:
            raise SpecError(f"design fractional: {1 << len(factors):,} cells are more than {1 << MAX_BASIC:,}")
        return Fraction(factors, (), "all combinations")
    if num_cells <= len(factors):
        raise SpecError(
            f"design fractional: {num_cells} cells cannot tell {len(factors)} main effects and a mean apart; the "
            f"smallest fraction has {1 << len(factors).bit_length()} cells"
        )
    if num_basic > MAX_BASIC:
        raise SpecError(f"design fractional: {num_cells:,} cells are more than {1 << MAX_BASIC:,}; ask for fewer")
    if len(factors) - num_basic > MAX_GENERATED:
        raise SpecError(
            f"design fractional: {len(factors)} factors in {num_cells} cells have too many words to count; ask for "
            "more cells, or choose plackett_burman with fold_over"
        )
    choice = find_fraction(len(factors), num_basic)
    generators = tuple(
        Generator.keeping_bare(factor, frozenset(factors[place] for place in range(num_basic) if mask >> place & 1))
        for factor, mask in zip(factors[num_basic:], choice.products, strict=True)
    )
    how = "minimum aberration: the fewest short words of all its size" if choice.exhaustive else "the best one found"
    return Fraction(factors, generators, how)
