from itertools import combinations

import numpy as np
import pytest

from ablations.designs.aberration import find_fraction
from ablations.designs.aliases import defining_relation, resolution, word_lengths

# Word-length patterns of the minimum aberration designs of Fries & Hunter 1980 and of Chen, Sun & Wu 1993
# (Int. Stat. Rev. 61): (factors, free factors) -> words of length 3, 4, 5 and so on.
MINIMUM_ABERRATION = {
    (5, 3): (2, 1),
    (6, 3): (4, 3),
    (7, 3): (7, 7, 0, 0, 1),
    (6, 4): (0, 3),
    (7, 4): (0, 7),
    (8, 4): (0, 14, 0, 0, 0, 1),
    (9, 4): (4, 14, 8, 0, 4, 1),
    (7, 5): (0, 1, 2),
    (8, 5): (0, 3, 4),
    (9, 5): (0, 6, 8, 0, 0, 1),
    (8, 6): (0, 0, 2, 1),
    (9, 6): (0, 1, 4, 2),
}


def relation_of(num_factors: int, num_basic: int) -> np.ndarray:
    products = find_fraction(num_factors, num_basic).products
    return defining_relation(product | 1 << (num_basic + place) for place, product in enumerate(products))


@pytest.mark.parametrize("size", MINIMUM_ABERRATION, ids=str)
def test_published_minimum_aberration_designs_are_found(size: tuple[int, int]) -> None:
    assert find_fraction(*size).exhaustive
    assert word_lengths(relation_of(*size)) == MINIMUM_ABERRATION[size]


@pytest.mark.parametrize(("num_factors", "num_basic"), [(5, 3), (6, 4), (7, 4)])
def test_no_choice_of_columns_has_fewer_short_words(num_factors: int, num_basic: int) -> None:
    found = word_lengths(relation_of(num_factors, num_basic))
    extra = [mask for mask in range(1, 1 << num_basic) if mask.bit_count() > 1]
    every = [
        word_lengths(defining_relation(m | 1 << (num_basic + i) for i, m in enumerate(some)))
        for some in combinations(extra, num_factors - num_basic)
    ]
    assert found == min(every)


@pytest.mark.parametrize(
    ("num_factors", "num_basic", "expected"),
    [(17, 8, 5), (11, 7, 5), (20, 6, 4), (16, 5, 4), (12, 5, 4), (20, 5, 3), (15, 4, 3), (24, 9, 4)],
)
def test_where_not_all_choices_are_looked_at_the_resolution_is_that_of_the_tables(
    num_factors: int, num_basic: int, expected: int
) -> None:
    """Montgomery, Design and Analysis of Experiments, table 8.14, and the bounds on codes of distance 5."""
    relation = relation_of(num_factors, num_basic)
    assert len(relation) == 2 ** (num_factors - num_basic) - 1
    assert resolution(relation) == expected


def test_up_to_half_as_many_factors_as_cells_keep_bare_and_full() -> None:
    for num_factors, num_basic in [(8, 4), (16, 5), (20, 6)]:
        lengths = word_lengths(relation_of(num_factors, num_basic))
        assert not any(lengths[0::2]), "all words are even"
