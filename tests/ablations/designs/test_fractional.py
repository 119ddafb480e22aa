import numpy as np
import pydoe
import pytest
from pydantic import ValidationError

from ablations.designs import Fractional, lay_out, plain_groups
from ablations.designs.contrasts import columns
from ablations.designs.generators import read_generators
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import R5_MEAN, signs, values
from tests.ablations.designs.test_aliases import brute_resolution


@pytest.mark.parametrize("wanted", [3, 4, 5])
@pytest.mark.parametrize("num_factors", range(4, 13))
def test_resolution_is_what_was_asked_for_in_no_more_cells_than_pydoe_takes(num_factors: int, wanted: int) -> None:
    factors = tuple("abcdefghijkl"[:num_factors])
    fraction = Fractional(resolution=wanted).choose(factors)
    matrix = np.array([[1 if factor in on else -1 for factor in factors] for on in fraction.sets()])
    assert fraction.resolution == brute_resolution(matrix)
    assert fraction.resolution is None or fraction.resolution >= wanted
    if not (wanted == 5 and num_factors in (4, 5)):  # pydoe knows no such design
        assert len(matrix) <= len(pydoe.fracfact_by_res(num_factors, wanted))


def test_seven_factors_in_sixteen_cells_keep_bare_and_full_and_all_contrasts_are_averages() -> None:
    layout = lay_out(Fractional(cells=16), plain_groups("abcdefg"), ())
    assert len(layout.cells) == 16
    matrix = signs(layout, "abcdefg")
    np.testing.assert_array_equal(matrix.T @ matrix, 16 * np.eye(7))
    names = [cell.name for cell in layout.cells]
    for comparison in layout.comparisons:
        if comparison.context == "averaged over the others":
            expected = matrix[:, "abcdefg".index(comparison.factor)] / 8
            assert [comparison.weights[name] for name in names] == pytest.approx(expected)
    assert all(alias.clear for alias in layout.aliases if " x " not in alias.effect)
    pairs = [c for c in layout.comparisons if c.context == "interaction"]
    assert len(pairs) == 7 and all(len(c.confounded) == 2 and c.exploratory for c in pairs), "21 pairs in 7 threes"
    assert "words of length 3 and up: 0, 7" in layout.notes[0] and "resolution IV" in layout.notes[0]


def test_odd_words_append_full_and_name_what_is_confounded() -> None:
    layout = lay_out(Fractional(generators=("d=ab", "e=ac")), plain_groups("abcde"), ())
    assert len(layout.cells) == 9 and layout.cells[-1].name == "full"
    confounded = {c.factor: c.confounded for c in layout.comparisons if c.context == "averaged over the others"}
    assert confounded == {
        "a": ("b x d", "c x e"), "b": ("a x d",), "c": ("a x e",), "d": ("a x b",), "e": ("a x c",),
    }  # fmt: skip
    assert [c.factor for c in layout.comparisons if c.context == "interaction"] == ["b x c", "b x e"]
    assert any(note.startswith("full appended to the design") for note in layout.notes)
    assert any("will distort a third strategy's estimate" in note for note in layout.notes)
    assert layout.notes[1] == "I = -a*b*d = -a*c*e = b*c*d*e"
    rows = {alias.effect: alias for alias in layout.aliases}
    assert len(rows) == 15 and not any(alias.clear for alias in rows.values())
    assert rows["d"].max_alias == 1.0 and rows["b x c"].mixed_with == ("d x e",)
    assert rows["a x b"].vif is None, "an interaction that is one with a main effect is not estimated"


def test_an_appended_cell_makes_weights_those_of_least_squares() -> None:
    layout = lay_out(Fractional(generators=("c=ab",)), plain_groups("abc"), ())
    assert len(layout.cells) == 5
    found = values(layout, "averaged over the others", R5_MEAN)
    model = np.column_stack([np.ones(5), columns(layout.cells, [("a",), ("b",), ("c",)])])
    scores = [R5_MEAN[frozenset(cell.factors)] for cell in layout.cells]
    expected = 2 * np.linalg.lstsq(model, np.array(scores), rcond=None)[0][1:]
    assert [found[factor] for factor in "abc"] == pytest.approx(list(expected))


def test_a_plus_sign_is_taken_as_written() -> None:
    layout = lay_out(Fractional(generators=("c=+ab",)), plain_groups("abc"), ())
    assert layout.cells[0].factors == (), "bare is appended: with a plus sign it is not in the half"
    half = [cell for cell in layout.cells if cell.factors]
    assert sorted("".join(cell.factors) for cell in half) == ["a", "abc", "b", "c"]


def test_resolution_five_leaves_mains_and_pairs_clear() -> None:
    layout = lay_out(Fractional(resolution=5), plain_groups("abcdefgh"), ())
    assert len(layout.cells) == 65
    assert len(layout.comparisons) == 8 + 28 and not any(c.confounded for c in layout.comparisons)
    assert all(alias.max_alias == 0.0 and alias.clear for alias in layout.aliases)
    assert max(alias.vif or 9 for alias in layout.aliases) < 1.2, "one cell more than an orthogonal design"


def test_enough_cells_for_all_combinations_are_all_combinations() -> None:
    layout = lay_out(Fractional(cells=16), plain_groups("abc"), ())
    assert len(layout.cells) == 8
    assert layout.notes == ("all 8 combinations of 3 factors: no effect is mixed with another",)
    assert values(layout, "averaged over the others", R5_MEAN) == pytest.approx({"a": 0.575, "b": 0.725, "c": 0.95})


def test_generators_are_read_with_names_and_signs() -> None:
    names = ("ema", "mixup", "ls", "cutmix")
    (one,) = read_generators(["cutmix = ema*mixup ls"], names)
    assert (one.factor, one.product, one.sign) == ("cutmix", frozenset(names[:3]), 1)
    (two,) = read_generators(["cutmix=ema*mixup"], names)
    assert two.sign == -1, "the sign that keeps bare in"
    assert read_generators(["cutmix=+ema*mixup"], names)[0].sign == 1
    assert read_generators(["d=-abc"], "abcd")[0].sign == -1


@pytest.mark.parametrize(
    ("generators", "match"),
    [
        (("z=ab",), "design.generators: 'z=ab': 'z' is no factor; they are a, b, c, d"),
        (("d=az",), "'az' is no factor"),
        (("d",), r"'d': expected a factor, .* such as 'd = a\*b'; factors are a, b, c, d"),
        (("d=",), "expected a factor"),
        (("d=ad",), "d is in it twice; every factor may be in it once"),
        (("d=aab",), "a is in it twice; every factor may be in it once"),
        (("d=ab", "d=ac"), "design.generators: d has two"),
        (("c=ab", "d=ac"), "uses c, which has a generator of its own"),
        (("d=a",), r"I = a\*d, so that these factors are never told apart"),
        (("c=ab", "d=ab"), r"I = c\*d"),
    ],
)
def test_generators_that_make_no_fraction(generators: tuple[str, ...], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        lay_out(Fractional(generators=generators), plain_groups("abcd"), ())


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="12 is no power of 2"):
        Fractional(cells=12)
    with pytest.raises(ValidationError, match="only one of them"):
        Fractional(cells=16, resolution=4)
    with pytest.raises(SpecError, match=r"4 cells cannot tell 5 main effects .* smallest fraction has 8 cells"):
        lay_out(Fractional(cells=4), plain_groups("abcde"), ())
    many = plain_groups([f"f{index}" for index in range(30)])
    with pytest.raises(SpecError, match=r"too many words to count; .* plackett_burman with fold_over"):
        lay_out(Fractional(cells=32), many, ())
    with pytest.raises(SpecError, match="no fraction of resolution VIII for 30 factors"):
        lay_out(Fractional(resolution=8), many, ())
    with pytest.raises(SpecError, match="8,192 cells are more than 4,096"):
        lay_out(Fractional(cells=8192), many, ())


def test_a_resolution_that_no_fraction_has_is_said_to_be_all_combinations() -> None:
    layout = lay_out(Fractional(resolution=9), plain_groups("abc"), ())
    assert len(layout.cells) == 8
    assert layout.notes[1] == (
        "resolution IX was asked for, and no part of them has it: the design is full_factorial by another name"
    )
    assert not any("was asked for" in note for note in lay_out(Fractional(resolution=3), plain_groups("abc"), ()).notes)
