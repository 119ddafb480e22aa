from typing import get_args

import pytest

from pipeline.spec.study import Comparison, Context
from reports.results.effect import Effect
from reports.stats.verdict import Verdict
from reports.wording import answer, claim, describe_setting, explored, heading, level_text, p_text, place, stack_order
from tests.reports.fixtures import Options, make_plan


def effect(context: Context, sentence: str) -> Effect:
    return Effect(
        factor="x", context=context, treatment="t", reference="r", control=False, verdict=Verdict.HELPS,
        sentence=sentence, n=3, num_seeds_planned=3, differences={},
    )  # fmt: skip


def test_the_setting_is_data_model_and_epochs() -> None:
    assert describe_setting(make_plan(Options())) == "clothing-256, resnet10t, 12 epochs"


def test_a_plan_without_arms_has_no_setting() -> None:
    assert describe_setting(make_plan(Options()).model_copy(update={"arms": ()})) == ""


@pytest.mark.parametrize(("p", "text"), [(0.0004, "<.001"), (0.0123, ".012"), (0.5, ".500"), (1.0, "1.000")])
def test_p_values_have_three_digits(p: float, text: str) -> None:
    assert p_text(p) == text


def test_an_answer_names_each_place_once() -> None:
    same = answer((effect("added to bare", "helps"), effect("removed from full", "helps")))
    assert same == "helps (both added to bare and within the full recipe)"
    other = answer((effect("added to bare", "helps"), effect("removed from full", "hurts")))
    assert other == "added to bare: helps; within the full recipe: hurts"


def test_no_place_reads_as_if_the_removal_was_judged() -> None:
    assert all("removed" not in place(context) for context in get_args(Context))


def test_every_context_has_a_place_a_heading_and_a_claim_of_its_own() -> None:
    contexts = get_args(Context)
    assert len({place(context) for context in contexts}) == len({heading(context) for context in contexts}) == 8
    told = [context for context in contexts if context != "added to what it needs"]
    claims = {claim(effect(context, ""), "top-1 accuracy", ("w", "x")) for context in told}
    assert len(claims) == 7 and all("top-1 accuracy" in text for text in claims)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ("averaged over the others", "switching x on, averaged over the other factors, changed top-1 accuracy by"),
        ("share of the gain", "the share of x in the gain of full over bare in top-1 accuracy was"),
        ("added in this order", "adding x to r, in the order w, x, changed top-1 accuracy by"),
        (
            "interaction with the rest",
            "the effect of x within the full recipe minus its effect alone in top-1 accuracy was",
        ),
    ],
)
def test_a_claim_reads_as_a_sentence(context: Context, text: str) -> None:
    assert claim(effect(context, ""), "top-1 accuracy", ("w", "x")) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0.5, "the interaction a x b (half of what one changes in the effect of the other) in top-1 accuracy was"),
        (1.0, "the interaction a x b (what one changes in the effect of the other) in top-1 accuracy was"),
        (0.7, "the interaction a x b in top-1 accuracy was"),
    ],
)
def test_an_interaction_says_which_of_two_scales_it_has(size: float, text: str) -> None:
    """In +-1 coding it is half the difference of differences that a design with single cells measures."""
    weights = {"bare": size, "+a+b": size, "+a": -size, "+b": -size}
    both = effect("interaction", "").model_copy(update={"factor": "a x b", "weights": weights})
    assert claim(both, "top-1 accuracy") == text


def test_the_order_of_a_stack_is_read_off_its_steps() -> None:
    chain = ("bare", "+c", "+c+a", "full")
    steps = tuple(
        Comparison(factor=factor, context="added in this order", treatment=to, reference=of)
        for factor, of, to in zip("cab", chain, chain[1:], strict=False)
    )
    plan = make_plan(Options()).model_copy(update={"comparisons": steps})
    assert [stack_order(plan, step) for step in steps] == [("c",), ("c", "a"), ("c", "a", "b")]
    other = Comparison(factor="b", context="added to bare", treatment="+b", reference="bare")
    assert stack_order(plan, other) == ()
    detour = Comparison(factor="z", context="added in this order", treatment="+c+a", reference="+z")
    tangled = plan.model_copy(update={"comparisons": (*steps, detour)})
    assert stack_order(tangled, steps[2]) == (), "two ways lead there"


def test_three_places_that_agree_are_listed() -> None:
    contexts: tuple[Context, ...] = ("added to bare", "removed from full", "averaged over the others")
    found = answer(tuple(effect(context, "helps") for context in contexts))
    assert found == "helps (added to bare, within the full recipe and averaged over the other factors)"


@pytest.mark.parametrize(("level", "text"), [(0.95, "95%"), (0.981, "98.1%"), (1 - 0.012, "98.8%")])
def test_a_level_is_a_percentage(level: float, text: str) -> None:
    assert level_text(level) == text


def test_no_words_for_what_is_exploratory_advise() -> None:
    for context in get_args(Context):
        words = explored(context)
        assert words.above != words.below
        assert not any(verb in text for verb in ("help", "hurt") for text in (words.above, words.below))
