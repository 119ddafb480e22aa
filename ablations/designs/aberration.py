"""Which fraction of all combinations to run: the one with the fewest short words among those of its size.

A fraction of 2^m cells for k factors is k different columns out of 2^m - 1, the products of m basic ones; the first m
factors take the basic ones. Columns and words are bit masks here. Minimum aberration: compare the numbers of words of
length 3, then 4 and so on, and take the smallest (Fries & Hunter 1980, Technometrics 22).
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np

MAX_WORDS_SEARCHED = 3_000_000  # words of all candidate fractions together; takes about 0.2 s


@dataclass(frozen=True, slots=True)
class Choice:
    """Columns for the factors beyond the basic ones."""

    products: tuple[int, ...]  # for each, the mask of the basic factors whose product it takes
    exhaustive: bool  # all choices were looked at, so that this one has minimum aberration


@cache
def find_fraction(num_factors: int, num_basic: int) -> Choice:
    """A fraction of 2^num_basic cells.

    Where there are too many choices, columns of odd length come first: all words are then even, which gives
    resolution IV with bare and full in the fraction for up to half as many factors as cells.
    """
    num_generated = num_factors - num_basic
    extra = [mask for mask in range(1, 1 << num_basic) if mask.bit_count() > 1]
    extra.sort(key=lambda mask: (-mask.bit_count(), mask))
    if comb(len(extra), num_generated) << num_generated <= MAX_WORDS_SEARCHED:
        return Choice(_best(num_basic, extra, num_generated), exhaustive=True)
    strong = _far_apart(num_basic, num_generated)
    if strong is not None:
        return Choice(strong, exhaustive=False)
    odd = [mask for mask in extra if mask.bit_count() % 2]
    if len(odd) < num_generated:
        even = [mask for mask in extra if not mask.bit_count() % 2]
        return Choice((*odd, *even[: num_generated - len(odd)]), exhaustive=False)
    if comb(len(odd), num_generated) << num_generated <= MAX_WORDS_SEARCHED:
        return Choice(_best(num_basic, odd, num_generated), exhaustive=False)
    return Choice(tuple(odd[:num_generated]), exhaustive=False)


def _best(num_basic: int, extra: list[int], num_generated: int) -> tuple[int, ...]:
    """Minimum aberration; among equals the longest products."""
    if num_generated == 0:
        return ()
    choices = np.array(list(combinations(extra, num_generated)), dtype=np.int64)  # [choices, p]
    tagged = choices | (1 << (num_basic + np.arange(num_generated, dtype=np.int64)))
    found = np.zeros((len(choices), 1), dtype=np.int64)
    for place in range(num_generated):
        found = np.concatenate([found, found ^ tagged[:, place : place + 1]], axis=1)
    lengths = np.bitwise_count(found[:, 1:])
    left = np.arange(len(choices))
    for length in range(1, num_basic + num_generated + 1):
        counts = (lengths[left] == length).sum(axis=1)
        left = left[counts == counts.min()]
    return tuple(int(mask) for mask in choices[left[0]])


def _far_apart(num_basic: int, num_generated: int) -> tuple[int, ...] | None:
    """Columns of which no four multiply to I, taken greedily: resolution V. None where there are not enough."""
    taken = [1 << place for place in range(num_basic)]
    blocked = {0, *taken, *(a ^ b for a, b in combinations(taken, 2))}
    blocked |= {a ^ b ^ c for a, b, c in combinations(taken, 3)}
    found: list[int] = []
    for mask in range(1, 1 << num_basic):
        if len(found) == num_generated:
            break
        if mask not in blocked:
            pairs = [a ^ b for a, b in combinations(taken, 2)]
            blocked |= {mask, *(mask ^ a for a in taken), *(mask ^ pair for pair in pairs)}
            taken.append(mask)
            found.append(mask)
    return tuple(found) if len(found) == num_generated else None
