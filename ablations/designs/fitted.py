"""Designs whose effects come from one least-squares fit over all arms: fractions, screens, random and optimal sets."""

from collections.abc import Iterable, Mapping, Sequence

from ablations.designs.aliases import alias_rows, wholly_mixed
from ablations.designs.contrasts import (
    Codes,
    Term,
    interaction_codes,
    least_squares,
    mixing,
    require,
    term_name,
    variance_inflation,
)
from ablations.designs.factorial import CODING, inestimable, where_it_can_be
from ablations.designs.layout import BARE, FULL, Cell, Group, Layout, full_switches, named_cells
from ablations.designs.states import pairs_that_can_be
from pipeline.spec.study import Comparison

LARGE_SHARE = 0.5  # with more of an interaction in it, an effect may be that interaction rather than its own
SMALL_SHARE = 0.005  # under half a percent of another effect is not worth a reader's attention
MIXED_WARNING = (
    "Main effects are mixed with two-way interactions. Two strategies that fix the same problem (e.g. mixup + label "
    "smoothing) will distort a third strategy's estimate."
)


def fitted_layout(
    kind: str,
    groups: Sequence[Group],
    core: Sequence[tuple[str, ...]],
    notes: Iterable[str],
    interactions: bool = False,
) -> Layout:
    """The layout of these sets of switches, with bare and full appended where they are missing.

    Args:
        kind: of the design, for errors.
        groups: the factors.
        core: the sets that the design asks for.
        notes: what a reader must know about the choice of sets.
        interactions: fit two-way interactions too, one for each set that the cells cannot tell apart; off: main
            effects alone.

    Raises:
        SpecError: an effect cannot be estimated from these sets.
    """
    appended = [name for name, some in ((BARE, ()), (FULL, full_switches(groups))) if some not in core]
    cells = named_cells(groups, [(), *core, full_switches(groups)])
    design_sets = set(core)
    core_cells = [cell for cell in cells if cell.factors in design_sets]
    mains: tuple[Term, ...] = tuple((level,) for group in groups for level in group.levels)
    pairs: tuple[Term, ...] = pairs_that_can_be(groups)
    wholly = wholly_mixed(core_cells, (*mains, *pairs), interaction_codes(core_cells, groups))
    codes = interaction_codes(cells, groups)
    chosen = _one_of_each_chain(pairs, wholly) if interactions else []
    weights = least_squares(cells, (*mains, *chosen))
    require(
        weights,
        mains,
        lambda names: (
            f"design {kind}: {len(cells)} arms cannot tell the effect of {names} from the others; ask for more cells"
        ),
    )
    inflation = variance_inflation(cells, tuple(weights))
    shown = (*mains, *pairs) if interactions or any(wholly[main] for main in mains) else mains
    rows = alias_rows(cells, weights, (*mains, *pairs), wholly, inflation, shown, codes)
    largest = _largest_shares(cells, weights, pairs, codes)
    mostly = _mostly_in(cells, weights, pairs, codes)
    owner = {level: group for group in groups for level in group.levels}
    comparisons = [
        Comparison(
            factor=term_name(term),
            context="averaged over the others" if len(term) == 1 else "interaction",
            weights=some,
            exploratory=len(term) > 1,
            confounded=tuple(term_name(other) for other in wholly[term]),
            mixed_in=() if wholly[term] else mostly[term],
            note="; ".join(
                part
                for part in (
                    where_it_can_be(groups, owner[term[0]])
                    if len(term) == 1
                    else f"{CODING.format(*term)}, averaged over the others",
                    "" if wholly[term] else _partly(largest[term]),
                )
                if part
            ),
        )
        for term, some in weights.items()
    ]
    said = [*notes, *_appended_note(appended), *inestimable(groups)]
    if any(largest[main] > SMALL_SHARE for main in mains):
        said.append(MIXED_WARNING)
    left_out = [term_name(pair) for pair in chosen if pair not in weights]
    if left_out:
        said.append(f"cannot be estimated from these arms: {', '.join(left_out)}")
    return Layout(cells, tuple(comparisons), rows, tuple(said))


def _one_of_each_chain(pairs: Sequence[Term], wholly: Mapping[Term, Sequence[Term]]) -> list[Term]:
    """The first of the interactions that are estimated as one, and none that is one with a main effect."""
    chosen: list[Term] = []
    covered: set[Term] = set()
    for pair in pairs:
        if pair not in covered and all(len(other) > 1 for other in wholly[pair]):
            chosen.append(pair)
            covered |= set(wholly[pair])
    return chosen


def _largest_shares(
    cells: Sequence[Cell], weights: dict[Term, dict[str, float]], pairs: Sequence[Term], codes: Codes
) -> dict[Term, float]:
    """How much of one interaction is in each estimate at most, its own left aside."""
    if not pairs:
        return dict.fromkeys(weights, 0.0)
    shares = abs(mixing(cells, weights, pairs, codes))
    return {
        term: max((float(share) for pair, share in zip(pairs, row, strict=True) if pair != term), default=0.0)
        for term, row in zip(weights, shares, strict=True)
    }


def _mostly_in(
    cells: Sequence[Cell], weights: dict[Term, dict[str, float]], pairs: Sequence[Term], codes: Codes
) -> dict[Term, tuple[str, ...]]:
    """The interactions of which more than `LARGE_SHARE` is in each estimate: '60% of b x c'."""
    if not pairs:
        return dict.fromkeys(weights, ())
    shares = abs(mixing(cells, weights, pairs, codes))
    return {
        term: tuple(
            f"{share:.0%} of {term_name(pair)}"
            for pair, share in sorted(zip(pairs, row, strict=True), key=lambda one: -one[1])
            if pair != term and share > LARGE_SHARE
        )
        for term, row in zip(weights, shares, strict=True)
    }


def _partly(share: float) -> str:
    return f"mixed in part: up to {share:.0%} of a two-way interaction is in it" if share > SMALL_SHARE else ""


def _appended_note(appended: Sequence[str]) -> tuple[str, ...]:
    if not appended:
        return ()
    return (
        f"{' and '.join(appended)} appended to the design as {'extra arms' if len(appended) > 1 else 'an extra arm'}: "
        "effects come from least squares over all arms, not from averages of halves",
    )
