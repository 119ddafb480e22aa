import re
from itertools import combinations

import numpy as np
import pydoe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.designs.aliases import (
    defining_relation,
    lengths_of,
    mixed_with,
    resolution,
    resolution_name,
    wholly_mixed,
    word,
    word_lengths,
    write_word,
)
from ablations.designs.fractional import Fraction
from ablations.designs.generators import Generator, read_generators
from ablations.designs.layout import named_cells, plain_groups

# The catalogue of the specification: generators, resolution, words of length 3, 4, 5 and so on.
CATALOGUE = {
    ("abc", "c=ab"): (3, (1,)),
    ("abcd", "d=abc"): (4, (0, 1)),
    ("abcde", "e=abcd"): (5, (0, 0, 1)),
    ("abcde", "d=ab e=ac"): (3, (2, 1)),
    ("abcdef", "f=abcde"): (6, (0, 0, 0, 1)),
    ("abcdef", "e=abc f=bcd"): (4, (0, 3)),
    ("abcdefg", "e=abc f=bcd g=acd"): (4, (0, 7)),
    ("abcdefg", "d=ab e=ac f=bc g=abc"): (3, (7, 7, 0, 0, 1)),
    ("abcdefgh", "e=bcd f=acd g=abc h=abd"): (4, (0, 14, 0, 0, 0, 1)),
    ("abcdefgh", "g=abcd h=abef"): (5, (0, 0, 2, 1)),
}


def fraction(factors: str, generators: str, plus: bool = True) -> Fraction:
    texts = [text.replace("=", "=+") if plus else text for text in generators.split()]
    return Fraction(tuple(factors), read_generators(texts, factors), "as written")


def brute_resolution(matrix: np.ndarray) -> int | None:
    """The fewest columns whose product does not vary."""
    num_factors = matrix.shape[1]
    for size in range(1, num_factors + 1):
        for some in combinations(range(num_factors), size):
            if abs(matrix[:, list(some)].prod(axis=1).sum()) == len(matrix):
                return size
    return None


def matrix_of(some: Fraction) -> np.ndarray:
    return np.array([[1 if factor in on else -1 for factor in some.factors] for on in some.sets()])


@pytest.mark.parametrize("key", CATALOGUE, ids=lambda key: key[1])
def test_the_catalogue(key: tuple[str, str]) -> None:
    expected_resolution, expected_words = CATALOGUE[key]
    for plus in (True, False):  # signs do not change what is mixed
        some = fraction(*key, plus=plus)
        assert word_lengths(some.relation) == expected_words
        assert some.resolution == expected_resolution == brute_resolution(matrix_of(some))
    even = all(length % 2 == 0 for length in lengths_of(some.relation))
    sets = fraction(*key).sets()
    assert tuple(key[0]) in sets and (() in sets) == even, "with plus signs all-on is there, all-off if words are even"
    sets = fraction(*key, plus=False).sets()
    assert () in sets and (tuple(key[0]) in sets) == even, "signs are flipped so that all-off is there"


def test_r7_the_alias_chains_of_a_quarter_of_five_factors() -> None:
    relation = fraction("abcde", "d=ab e=ac").relation
    assert {write_word(int(w), "abcde") for w in relation} == {"a*b*d", "a*c*e", "b*c*d*e"}
    chains = {
        "a": "bd ce abcde", "b": "ad cde abce", "c": "ae bde abcd", "d": "ab bce acde", "e": "ac bcd abde",
        "bc": "de abe acd", "be": "cd abc ade",
    }  # fmt: skip
    for effect, mixed in chains.items():
        found = {write_word(int(w), "abcde").replace("*", "") for w in mixed_with(word(effect, "abcde"), relation)}
        assert found == set(mixed.split())


def test_chains_are_those_of_pydoe() -> None:
    lines, _ = pydoe.fracfact_aliasing(pydoe.fracfact("a b c d ab acd"))
    relation = fraction("abcdef", "e=ab f=acd").relation
    for line in lines:
        effect, *mixed = re.split(" = ", line)
        found = {write_word(int(w), "abcdef").replace("*", "") for w in mixed_with(word(effect, "abcdef"), relation)}
        assert found - {"I"} == set(mixed)


def test_signs_multiply() -> None:
    relation = fraction("abcde", "d=-ab e=-ac", plus=False).relation
    assert {write_word(int(w), "abcde") for w in relation} == {"-a*b*d", "-a*c*e", "b*c*d*e"}
    assert write_word(int(mixed_with(word("a", "abcde"), relation)[0]), "abcde") == "-b*d"
    assert write_word(0, "abcde") == "I"


@st.composite
def fractions(draw: st.DrawFn) -> Fraction:
    """Any fraction of up to six factors, whatever its resolution."""
    num_basic, num_generated = draw(st.integers(2, 4)), draw(st.integers(1, 2))
    factors = "abcdef"[: num_basic + num_generated]
    generators = []
    for factor in factors[num_basic:]:
        product = draw(st.frozensets(st.sampled_from(factors[:num_basic]), min_size=1))
        generators.append(Generator(factor, product, draw(st.sampled_from([-1, 1]))))
    return Fraction(tuple(factors), tuple(generators), "drawn")


@settings(max_examples=50, deadline=None)
@given(fractions())
def test_alias_sets_partition_all_effects_and_the_mean(some: Fraction) -> None:
    relation = defining_relation(word({g.factor, *g.product}, some.factors, g.sign) for g in some.generators)
    num_effects = 1 << len(some.factors)
    bare = num_effects - 1  # a mask without the sign
    sets = {
        frozenset({effect, *(int(w) & bare for w in mixed_with(effect, relation))}) for effect in range(num_effects)
    }
    assert sum(len(chain) for chain in sets) == num_effects and {len(c) for c in sets} == {len(relation) + 1}
    # Columns are equal or opposite, as the sign says, within a set; and orthogonal across sets.
    matrix = matrix_of(some)

    def column(value: int) -> np.ndarray:
        return matrix[:, [i for i in range(len(some.factors)) if value >> i & 1]].prod(axis=1)

    for effect in range(1, num_effects):
        for other in mixed_with(effect, relation):
            sign = -1 if int(other) > bare else 1
            np.testing.assert_array_equal(column(int(other) & bare) * sign, column(effect))
    firsts = np.array([column(min(chain)) for chain in sets])
    np.testing.assert_array_equal(firsts @ firsts.T, len(matrix) * np.eye(len(sets)))


@settings(max_examples=50, deadline=None)
@given(fractions())
def test_columns_say_the_same_as_words_about_mains_and_pairs(some: Fraction) -> None:
    if some.resolution is not None and some.resolution < 3:
        return  # such a fraction is refused
    effects = [*((f,) for f in some.factors), *combinations(some.factors, 2)]
    found = wholly_mixed(named_cells(plain_groups(some.factors), some.sets()), effects)
    for effect in effects:
        mask = (1 << len(some.factors)) - 1
        chain = {int(w) & mask for w in mixed_with(word(effect, some.factors), some.relation)}
        assert set(found[effect]) == {other for other in effects if word(other, some.factors) in chain}


def test_resolution_of_all_combinations_has_no_number() -> None:
    assert resolution(defining_relation(())) is None
    assert [resolution_name(value) for value in (None, 3, 4, 7, 12)] == ["full", "III", "IV", "VII", "12"]
