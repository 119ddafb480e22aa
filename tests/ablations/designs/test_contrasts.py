"""The definitions of effects, against the reference cases R5 and R6 and against brute force."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.designs import AddOneIn, FullFactorial, LeaveOneOut, Pairwise, Stack, lay_out, plain_groups
from ablations.designs.contrasts import exact_shares, least_squares, mixing, order_shares
from ablations.designs.layout import named_cells
from ablations.designs.states import feasible_sets
from tests.ablations.designs.reference import ABC, NESTED, R5, R5_MEAN, value_of, values

FULL = lay_out(FullFactorial(), ABC, ())
R6 = {"": 0.0, "a": 1.0, "b": 2.0, "c": 0.0, "ab": 5.0, "ac": 1.5, "bc": 2.0, "abc": 6.0}
GLOVES = {"": 0.0, "a": 0.0, "b": 0.0, "c": 0.0, "ab": 0.0, "ac": 1.0, "bc": 1.0, "abc": 1.0}  # two left, one right


def game(table: dict[str, float]) -> dict[frozenset[str], float]:
    return {frozenset(on): value for on, value in table.items()}


def test_r5_main_effects_and_interactions_are_twice_the_coefficients() -> None:
    assert values(FULL, "averaged over the others", R5_MEAN) == pytest.approx({"a": 0.575, "b": 0.725, "c": 0.95})
    found = values(FULL, "interaction", R5_MEAN)
    assert found == pytest.approx({"a x b": -0.45, "a x c": -0.025, "b x c": 0.025})


def test_least_squares_of_the_same_cells_gives_the_same_weights() -> None:
    terms = [*(("a",), ("b",), ("c",)), ("a", "b"), ("a", "c"), ("b", "c")]
    weights = least_squares(FULL.cells, terms)
    for comparison in FULL.comparisons:
        if comparison.context != "share of the gain":
            assert weights[tuple(comparison.factor.split(" x "))] == pytest.approx(comparison.weights)


def test_r5b_zero_one_coding_asks_about_all_off_instead() -> None:
    alone = lay_out(Pairwise(), ABC, ())
    assert values(alone, "added to bare", R5_MEAN) == pytest.approx({"a": 1.05, "b": 1.15, "c": 0.95})
    found = values(alone, "interaction", R5_MEAN)  # half the coefficients -.9, -.05, .05 of the 0/1 coding
    assert found == pytest.approx({"a x b": -0.45, "a x c": -0.025, "b x c": 0.025})
    assert all(
        "(-1/+1 coding)" in c.note for c in (*alone.comparisons, *FULL.comparisons) if c.context == "interaction"
    )


def test_r5d_half_of_the_cells_mixes_c_with_a_x_b() -> None:
    half = [cell for cell in FULL.cells if len(cell.factors) % 2]  # I = ABC
    weights = least_squares(half, [("a",), ("b",), ("c",)])
    scores = {cell.name: R5_MEAN[frozenset(cell.factors)] for cell in half}
    found = {term[0]: sum(w * scores[arm] for arm, w in some.items()) for term, some in weights.items()}
    assert found == pytest.approx({"a": 0.6, "b": 0.7, "c": 0.5})
    share = mixing(half, weights, [("a", "b")])
    assert share[:, 0] == pytest.approx([0, 0, 1])  # c = .95 + 1 x -.45


@pytest.mark.parametrize(
    ("table", "expected"),
    [(R6, (2.416667, 3.166667, 0.416667)), (GLOVES, (0.166667, 0.166667, 0.666667))],
    ids=["R6", "R6b"],
)
def test_exact_shares_of_known_games(table: dict[str, float], expected: tuple[float, ...]) -> None:
    found = values(FULL, "share of the gain", game(table))
    assert [found[factor] for factor in "abc"] == pytest.approx(expected, abs=1e-6)


def test_r6c_shares_of_each_seed() -> None:
    expected = [(0.583333, 0.733333, 1.083333), (0.566667, 0.716667, 0.816667)]
    for seed, shares in enumerate(expected):
        found = values(FULL, "share of the gain", game({on: scores[seed] for on, scores in R5.items()}))
        assert [found[factor] for factor in "abc"] == pytest.approx(shares, abs=1e-6)
    mean = values(FULL, "share of the gain", R5_MEAN)
    assert mean == pytest.approx({"a": 0.575, "b": 0.725, "c": 0.95}) and sum(mean.values()) == pytest.approx(2.25)


def test_r6e_each_context_asks_another_question() -> None:
    one_out = values(lay_out(LeaveOneOut(), ABC, ()), "removed from full", R5_MEAN)
    assert one_out == pytest.approx({"a": 0.10, "b": 0.30, "c": 0.95})
    assert values(lay_out(AddOneIn(), ABC, ()), "added to bare", R5_MEAN) == pytest.approx(
        {"a": 1.05, "b": 1.15, "c": 0.95}
    )
    for order, expected in {"abc": (1.05, 0.25, 0.95), "bac": (1.15, 0.15, 0.95)}.items():
        found = values(lay_out(Stack(order=tuple(order)), ABC, ()), "added in this order", R5_MEAN)
        assert [found[factor] for factor in order] == pytest.approx(expected)


@given(st.lists(st.floats(-10, 10), min_size=16, max_size=16))
def test_shares_are_efficient_and_equal_the_mean_over_all_orders(scores: list[float]) -> None:
    groups = plain_groups("abcd")
    cells = named_cells(groups, feasible_sets(groups))
    score = dict(zip((cell.name for cell in cells), scores, strict=True))
    exact = exact_shares(cells, groups)
    listed = order_shares(cells, groups, list(permutations("abcd")))
    found = {name: sum(w * score[arm] for arm, w in some.items()) for name, some in exact.items()}
    assert sum(found.values()) == pytest.approx(score["full"] - score["bare"], abs=1e-8)
    for name in "abcd":
        slow = sum(w * score[arm] for arm, w in listed[name].items())
        assert found[name] == pytest.approx(slow, abs=1e-8)


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_equal_factors_have_equal_shares_and_an_idle_one_has_its_own_worth(alone: float, both: float) -> None:
    def score(on: frozenset[str]) -> float:
        return [0.0, alone, both][len(on & {"a", "b"})] + 0.25 * ("c" in on)

    shares = {c.factor: value_of(FULL, c, score) for c in FULL.comparisons if c.context == "share of the gain"}
    assert shares["a"] == pytest.approx(shares["b"], abs=1e-9)
    assert shares["c"] == pytest.approx(0.25, abs=1e-9)


def test_shares_under_needs_are_means_over_the_orders_that_can_be() -> None:
    groups = NESTED[:2] + NESTED[3:]
    cells = named_cells(groups, feasible_sets(groups))
    orders = [o for o in permutations(("fp16", "scaler", "ls")) if o.index("fp16") < o.index("scaler")]
    exact, listed = exact_shares(cells, groups), order_shares(cells, groups, orders)
    assert len(orders) == 3
    for name, weights in exact.items():
        assert weights == pytest.approx(listed[name])


def test_a_term_that_the_cells_cannot_tell_apart_has_no_weights() -> None:
    half = [cell for cell in FULL.cells if len(cell.factors) % 2]
    assert set(least_squares(half, [("a",), ("b",), ("c",), ("a", "b")])) == {("a",), ("b",)}


def test_levels_of_one_factor_are_averaged_over_those_of_the_others() -> None:
    layout = lay_out(FullFactorial(), NESTED, ())
    assert len(layout.cells) == 18
    rng = np.random.default_rng(0)
    score = {frozenset(cell.factors): float(rng.normal()) for cell in layout.cells}
    found = values(layout, "averaged over the others", score)
    precision, mixes, smoothing = [(), ("fp16",), ("fp16", "scaler")], [(), ("mixup",), ("cutmix",)], [(), ("ls",)]

    def mean(one: list[tuple[str, ...]], two: list[tuple[str, ...]], three: list[tuple[str, ...]]) -> float:
        return float(np.mean([score[frozenset((*p, *m, *s))] for p in one for m in two for s in three]))

    assert found["cutmix"] == pytest.approx(
        mean(precision, [("cutmix",)], smoothing) - mean(precision, [()], smoothing)
    )
    child = mean([("fp16", "scaler")], mixes, smoothing) - mean([("fp16",)], mixes, smoothing)
    assert found["scaler"] == pytest.approx(child)
    assert found["fp16"] == pytest.approx(mean([("fp16",)], mixes, smoothing) - mean([()], mixes, smoothing))
    notes = {c.factor: c.note for c in layout.comparisons if c.context == "averaged over the others"}
    assert notes == {"fp16": "", "scaler": "where fp16 is on", "mixup": "", "cutmix": "", "ls": ""}
    assert "cannot be estimated, since one is never on without the other: fp16 x scaler" in layout.notes
