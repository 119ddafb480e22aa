"""All combinations, or all pairs: every interaction of two can be seen."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

from ablations.designs.contrasts import Weights, average_effect, average_interaction, exact_shares, term_name
from ablations.designs.layout import (
    BARE,
    Cell,
    Group,
    Layout,
    full_switches,
    named_cells,
    needed_by,
)
from ablations.designs.one_at_a_time import added
from ablations.designs.states import feasible_sets, num_feasible, pairs_that_can_be, pairs_that_cannot_be
from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Comparison

MAX_CELLS = 4096  # 12 factors that are on or off; a study of more arms is not meant to be
CODING = "half the difference between the effects of {0} with and without {1} (-1/+1 coding)"


class FullFactorial(Frozen):
    """Every combination that can be: all effects, with nothing mixed."""

    kind: Literal["full_factorial"] = "full_factorial"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """All cells; every level's average effect, two-way interactions, and exact shares of the gain.

        Raises:
            SpecError: there are more cells than anybody could run.
        """
        if (count := num_feasible(groups)) > MAX_CELLS:
            raise SpecError(
                f"design full_factorial: {len(groups)} factors make {count:,} arms, more than {MAX_CELLS:,}; choose "
                "fractional, plackett_burman or auto"
            )
        cells = named_cells(groups, feasible_sets(groups))
        mains = tuple(
            Comparison(
                factor=level,
                context="averaged over the others",
                weights=average_effect(cells, level),
                note=where_it_can_be(groups, group),
            )
            for group in groups
            for level in group.levels
        )
        said = [main.weights for main in mains]  # of two factors the share of the gain is the average itself
        exact = exact_shares(cells, groups) if len(groups) > 1 else {}
        shares = {name: weights for name, weights in exact.items() if weights not in said}
        told = "; shares of the gain are exact over all orders" if shares else ""
        return Layout(
            cells,
            (*mains, *_interactions(groups, cells), *share_comparisons(groups, shares, exploratory=True)),
            notes=(
                f"full factorial: all {len(cells)} combinations, so no effect is mixed with another{told}",
                *inestimable(groups),
            ),
        )


class Pairwise(Frozen):
    """Each factor alone and every pair: does one help more, or less, beside another?"""

    kind: Literal["pairwise"] = "pairwise"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Bare, singles, pairs and full; every level added to bare, and interactions where all others are off."""
        alone, possible = added(groups), set(pairs_that_can_be(groups))
        pairs = [
            (a, b, {a, b, *needed_by(groups, first), *needed_by(groups, second)})
            for first, second in combinations(groups, 2)
            for a in first.levels
            for b in second.levels
            if (a, b) in possible
        ]
        sets: list[set[str]] = [set(), *(set(cell.factors) for cell in alone.cells)]
        for a, b, both in pairs:  # what the two need is on in all four cells
            sets += [both - {a, b}, both - {b}, both - {a}, both]
        cells = named_cells(groups, [*sets, full_switches(groups)])
        by_set = {frozenset(cell.factors): cell.name for cell in cells}
        renamed = {cell.name: by_set[frozenset(cell.factors)] for cell in alone.cells} | {BARE: BARE}
        singles = tuple(
            c.model_copy(update={"treatment": renamed[c.treatment], "reference": renamed[c.reference]})
            for c in alone.comparisons
        )
        found: list[Comparison] = []
        for a, b, both in pairs:
            four = [by_set[frozenset(both - gone)] for gone in (set(), {b}, {a}, {a, b})]
            note = f"{CODING.format(a, b)}, all others off"
            weights = dict(zip(four, (0.5, -0.5, -0.5, 0.5), strict=True))
            found.append(_interaction(a, b, weights, note))
        notes = (
            f"pairwise: {len(cells)} arms; interactions hold where all other factors are off",
            *inestimable(groups),
        )
        return Layout(cells, (*singles, *found), notes=notes)


def where_it_can_be(groups: Sequence[Group], group: Group) -> str:
    """A factor that needs others is only ever looked at beside them."""
    needs = needed_by(groups, group)
    return f"where {', '.join(needs)} {'is' if len(needs) == 1 else 'are'} on" if needs else ""


def inestimable(groups: Sequence[Group]) -> tuple[str, ...]:
    """A note that names the interactions that no design could estimate."""
    never = pairs_that_cannot_be(groups)
    return (f"cannot be estimated, since one is never on without the other: {', '.join(never)}",) if never else ()


def share_comparisons(
    groups: Sequence[Group],
    shares: dict[str, Weights],
    exploratory: bool = False,
    draws: Mapping[str, tuple[tuple[tuple[str, str], ...], ...]] | None = None,
) -> tuple[Comparison, ...]:
    """Each factor's share of the gain of full over bare. Factors that exclude each other join as one.

    `draws`: where the orders are a sample, switch -> by draw, the arms after and before it joins.
    """
    return tuple(
        Comparison(
            factor=group.levels[0],
            context="share of the gain",
            weights=shares[group.name],
            exploratory=exploratory,
            draws=(draws or {}).get(group.levels[0], ()),
            note=f"{group.name} as a whole, which full has as {group.levels[0]}" if len(group.levels) > 1 else "",
        )
        for group in groups
        if shares.get(group.name)
    )


def _interactions(groups: Sequence[Group], cells: Sequence[Cell]) -> tuple[Comparison, ...]:
    return tuple(
        _interaction(a, b, average_interaction(cells, a, b), f"{CODING.format(a, b)}, averaged over the others")
        for a, b in pairs_that_can_be(groups)
    )


def _interaction(a: str, b: str, weights: Weights, note: str) -> Comparison:
    return Comparison(factor=term_name((a, b)), context="interaction", weights=weights, exploratory=True, note=note)
