from typing import get_args

import pytest

from pipeline.spec.study import Context
from reports.results import Effect
from reports.stats.verdict import Verdict
from reports.wording import answer, describe_setting, p_text, place
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
