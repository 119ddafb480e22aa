from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from pydantic import ValidationError

from ablations.designs import Group, Shapley, Stack, lay_out, plain_groups
from ablations.designs.order import antithetic_pair
from pipeline.spec.errors import SpecError
from tests.ablations.designs.reference import ABC, NESTED, R5_MEAN, values


def test_a_stack_follows_the_order() -> None:
    layout = lay_out(Stack(order=("c", "a", "b")), ABC, ())
    assert [cell.name for cell in layout.cells] == ["bare", "+c", "-b", "full"]
    steps = [(c.factor, c.treatment, c.reference, c.exploratory) for c in layout.comparisons]
    assert steps == [("c", "+c", "bare", False), ("a", "-b", "+c", False), ("b", "full", "-b", False)]
    assert "the order, c, a, b; another" in layout.notes[0] and not any(c.note for c in layout.comparisons), "said once"


def test_without_an_order_a_factor_comes_after_what_it_needs() -> None:
    groups = (Group("scaler", ("scaler",), needs=("fp16",)), Group("ls", ("ls",)), Group("fp16", ("fp16",)))
    assert [c.factor for c in lay_out(Stack(), groups, ()).comparisons] == ["fp16", "scaler", "ls"]


@pytest.mark.parametrize(
    ("order", "match"),
    [
        (
            ("fp16", "scaler", "mix"),
            "design.order: ls is missing; it must name every factor once: fp16",
        ),
        (("fp16", "fp16", "mix", "ls"), "design.order: fp16 is there twice, scaler is missing; "),
        (("fp16", "scalr", "mix", "ls"), "design.order: scalr is no factor, scaler is missing; "),
        (("scaler", "fp16", "mix", "ls"), "design.order: scaler is before fp16, which it needs"),
    ],
)
def test_orders_that_cannot_be(order: tuple[str, ...], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        lay_out(Stack(order=order), NESTED, ())


def test_more_orders_add_shares_beside_the_steps_of_the_first() -> None:
    layout = lay_out(Stack(order=("b", "a", "c"), orders=5), ABC, ())
    steps = [c for c in layout.comparisons if c.context == "added in this order"]
    shares = values(layout, "share of the gain", R5_MEAN)
    assert [c.factor for c in steps] == ["b", "a", "c"] and all(c.exploratory for c in steps)
    assert sum(shares.values()) == pytest.approx(2.25), "every order goes from bare to full"


def test_all_orders_together_give_the_exact_shares() -> None:
    """Six orders in three antithetic pairs: with a seed that draws all three, R6c comes out."""
    layouts = [lay_out(Shapley(orders=6, seed=seed), ABC, ()) for seed in range(60)]
    exact = [layout for layout in layouts if "6 of them different" in layout.notes[0]]
    assert exact
    for layout in exact:
        assert values(layout, "share of the gain", R5_MEAN) == pytest.approx({"a": 0.575, "b": 0.725, "c": 0.95})


def test_arms_that_orders_share_are_run_once() -> None:
    layout = lay_out(Shapley(orders=20), plain_groups("abcdef"), ())
    assert len({cell.factors for cell in layout.cells}) == len(layout.cells) <= 2 + 20 * 5
    assert sum(values(layout, "share of the gain", dict.fromkeys(_sets(layout), 1.0)).values()) == pytest.approx(0)


def test_a_pair_is_an_order_and_its_reverse() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = antithetic_pair(plain_groups("abcde"), rng)
        assert one == other[::-1]


def test_orders_are_uniform_among_those_that_needs_allow() -> None:
    """A lopsided tree of needs, b and c after a, d after b, and e free: 15 of 120 orders, in either half of a pair."""
    groups = (
        Group("a", ("a",)),
        Group("b", ("b",), needs=("a",)),
        Group("c", ("c",), needs=("a",)),
        Group("d", ("d",), needs=("b",)),
        Group("e", ("e",)),
    )
    before = [("a", "b"), ("a", "c"), ("b", "d")]
    allowed = {o for o in permutations("abcde") if all(o.index(x) < o.index(y) for x, y in before)}
    rng, draws = np.random.default_rng(0), 4500
    pairs = [antithetic_pair(groups, rng) for _ in range(draws)]
    for half in (0, 1):
        counts = Counter(pair[half] for pair in pairs)
        assert set(counts) == allowed and len(allowed) == 15
        statistic = sum((count - draws / 15) ** 2 / (draws / 15) for count in counts.values())
        assert statistic < 36.1  # chi-squared with 14 df, 0.1% point


def test_factors_that_exclude_each_other_join_as_one_and_the_choice_is_reported_apart() -> None:
    layout = lay_out(Shapley(orders=4), NESTED, ())
    shares = {c.factor: c for c in layout.comparisons if c.context == "share of the gain"}
    assert list(shares) == ["fp16", "scaler", "mixup", "ls"] and not any(c.exploratory for c in shares.values())
    assert shares["mixup"].note == "mix as a whole, which full has as mixup"
    (choice,) = [c for c in layout.comparisons if c.context == "removed from full"]
    factors = {cell.name: set(cell.factors) for cell in layout.cells}
    assert factors[choice.treatment] == {"fp16", "scaler", "cutmix", "ls"} and choice.reference == "full"
    assert choice.exploratory and choice.note == "cutmix in place of mixup"


def test_antithetic_orders_come_in_twos() -> None:
    with pytest.raises(ValidationError, match="multiple of 2"):
        Shapley(orders=3)


def _sets(layout) -> list[frozenset[str]]:
    return [frozenset(cell.factors) for cell in layout.cells]
