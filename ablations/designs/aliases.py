"""What a fraction of all combinations cannot tell apart.

A regular fraction is given by words whose product of columns is constant. Multiplying words takes the factors that are
in one of them only and multiplies the signs; the effects mixed with an effect are its products with every word of the
defining relation (Box & Hunter 1961, Technometrics 3). A word is an integer here: bit i says that factor i is in it,
and the highest bit that its sign is minus, so that a product is one exclusive or. Other designs mix in part; there the
share comes from the weights of the estimates (`contrasts.mixing`).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ablations.designs.contrasts import ROUNDING, Codes, Term, Weights, columns, mixing, term_name
from ablations.designs.layout import Cell
from pipeline.spec.study import Alias

MINUS = 1 << 62  # the sign of a word; 62 factors fit below it
ROMAN = ("0", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def word(in_it: Iterable[str], factors: Sequence[str], sign: int = 1) -> int:
    """The product of these factors' columns, with a sign."""
    return sum(1 << factors.index(factor) for factor in set(in_it)) | (MINUS if sign < 0 else 0)


def write_word(value: int, factors: Sequence[str]) -> str:
    """As text, factors in the order of the grid: `-a*b*c`; the mean is `I`."""
    body = "*".join(factor for place, factor in enumerate(factors) if value >> place & 1) or "I"
    return f"-{body}" if value & MINUS else body


def defining_relation(generators: Iterable[int]) -> np.ndarray:
    """[2^p - 1] words: every product of some of the p generating ones, without I."""
    products = np.zeros(1, dtype=np.int64)
    for generator in generators:
        products = np.concatenate([products, products ^ generator])
    return products[1:]


def lengths_of(words: np.ndarray) -> np.ndarray:
    """How many factors are in each word, same shape."""
    return np.bitwise_count(words & ~np.int64(MINUS))


def resolution(relation: np.ndarray) -> int | None:
    """Length of the shortest word; None for all combinations, which have no word."""
    return int(lengths_of(relation).min()) if len(relation) else None


def resolution_name(value: int | None) -> str:
    """In Roman numerals, as the literature writes it."""
    if value is None:
        return "full"
    return ROMAN[value] if value < len(ROMAN) else str(value)


def word_lengths(relation: np.ndarray) -> tuple[int, ...]:
    """How many words have length 3, 4, 5 and so on, up to the longest."""
    return tuple(int(count) for count in np.bincount(lengths_of(relation))[3:])


def mixed_with(effect: int, relation: np.ndarray) -> np.ndarray:
    """[2^p - 1] the effects that a regular fraction estimates as one with this effect, signs included."""
    return relation ^ effect


def wholly_mixed(
    core: Sequence[Cell], effects: Sequence[Term], codes: Codes | None = None
) -> dict[Term, tuple[Term, ...]]:
    """Effect -> the others whose column is the same in these cells, or its opposite, or a multiple of one of them."""
    model = columns(core, effects, codes)
    length = np.linalg.norm(model, axis=0)
    same = np.abs(model.T @ model) > np.outer(length, length) - ROUNDING
    same[:, length < ROUNDING] = False
    np.fill_diagonal(same, False)
    return {
        effect: tuple(other for other, alike in zip(effects, row, strict=True) if alike)
        for effect, row in zip(effects, same.tolist(), strict=True)
    }


def alias_rows(
    cells: Sequence[Cell],
    weights: Mapping[Term, Weights],
    effects: Sequence[Term],
    wholly: Mapping[Term, tuple[Term, ...]],
    inflation: Mapping[Term, float],
    shown: Sequence[Term],
    codes: Codes | None = None,
) -> tuple[Alias, ...]:
    """A row for each effect that is shown.

    Args:
        cells: all arms of the design.
        weights: of the effects that the model estimates.
        effects: all main effects and two-way interactions that could exist.
        wholly: from `wholly_mixed`.
        inflation: from `variance_inflation`, for the effects of the model.
        shown: effects to give a row.
        codes: from `interaction_codes`.
    """
    shares = dict(zip(weights, np.abs(mixing(cells, weights, effects, codes)), strict=True))
    place = {effect: index for index, effect in enumerate(effects)}
    rows: list[Alias] = []
    for effect in shown:
        chain = wholly.get(effect, ())
        # One of a chain stands for all of it: their estimate is one and the same.
        source = next((term for term in (effect, *chain) if term in weights and len(term) == len(effect)), None)
        largest = 1.0 if chain else 0.0
        if effect in weights and not chain:
            largest = float(np.delete(shares[effect], place[effect]).max(initial=0.0))
        rows.append(
            Alias(
                effect=term_name(effect),
                mixed_with=tuple(term_name(other) for other in chain),
                clear=not chain and largest < ROUNDING,
                max_alias=round(largest, 6) if largest > ROUNDING else 0.0,
                vif=None if source is None else round(inflation[source], 6),
            )
        )
    return tuple(rows)
