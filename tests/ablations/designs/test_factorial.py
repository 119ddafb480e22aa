import pytest

from ablations.designs import FullFactorial, Pairwise, lay_out, plain_groups
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import ABC, NESTED


@pytest.mark.parametrize("num_factors", [1, 2, 3, 4, 6])
def test_all_sets_and_all_pairs_have_their_numbers_of_arms(num_factors: int) -> None:
    groups = plain_groups("abcdef"[:num_factors])
    assert len(lay_out(FullFactorial(), groups, ()).cells) == 2**num_factors
    num_pairs = num_factors * (num_factors - 1) // 2
    extra = 1 if num_factors > 2 else 0  # with two factors, the pair is full
    assert len(lay_out(Pairwise(), groups, ()).cells) == 1 + num_factors + num_pairs + extra


def test_levels_multiply_and_needs_leave_sets_out() -> None:
    layout = lay_out(FullFactorial(), NESTED, ())
    assert len(layout.cells) == 3 * 3 * 2
    contexts = [(c.factor, c.exploratory) for c in layout.comparisons if c.context == "averaged over the others"]
    assert contexts == [(s, False) for s in ("fp16", "scaler", "mixup", "cutmix", "ls")]
    assert {c.factor for c in layout.comparisons if c.context == "interaction"} == {
        "fp16 x mixup", "fp16 x cutmix", "fp16 x ls", "scaler x mixup", "scaler x cutmix", "scaler x ls",
        "mixup x ls", "cutmix x ls",
    }  # fmt: skip


def test_weights_of_a_main_effect_are_equal_in_size() -> None:
    layout = lay_out(FullFactorial(), ABC, ())
    weights = next(c.weights for c in layout.comparisons if c.factor == "a")
    assert {abs(weight) for weight in weights.values()} == {0.25} and len(weights) == 8


def test_a_pair_is_seen_where_only_what_it_needs_is_on() -> None:
    layout = lay_out(Pairwise(), NESTED, ())
    factors = {cell.name: set(cell.factors) for cell in layout.cells}
    pair = next(c for c in layout.comparisons if c.factor == "scaler x ls")
    found = {frozenset(factors[arm]): weight for arm, weight in pair.weights.items()}
    assert found == {
        frozenset({"fp16", "scaler", "ls"}): 0.5,
        frozenset({"fp16", "scaler"}): -0.5,
        frozenset({"fp16", "ls"}): -0.5,
        frozenset({"fp16"}): 0.5,
    }


def test_too_many_factors_for_all_sets() -> None:
    with pytest.raises(SpecError, match="20 factors make 1,048,576 arms, more than 4,096; choose fractional"):
        lay_out(FullFactorial(), plain_groups([f"f{index}" for index in range(20)]), ())


@pytest.mark.parametrize(("num_factors", "num_shares"), [(1, 0), (2, 0), (3, 3)])
def test_a_share_that_is_the_average_itself_is_not_said_twice(num_factors: int, num_shares: int) -> None:
    layout = lay_out(FullFactorial(), plain_groups("abc"[:num_factors]), ())
    assert sum(c.context == "share of the gain" for c in layout.comparisons) == num_shares
    assert ("shares of the gain" in layout.notes[0]) is (num_shares > 0)
