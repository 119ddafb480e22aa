"""Factors with several levels: off, or one of them on."""

from typing import Any

import pytest

from ablations.grid.schema import grid_schema
from pipeline.spec.errors import SpecError
from tests.ablations.grids import MIXUP, grid, plan_of

SCHEDULE = {
    "levels": {
        "cosine": {"schedule": {"kind": "cosine"}},
        "step": {"schedule": {"kind": "step", "every_epochs": 1}},
    }
}


def test_each_level_is_an_arm_and_full_has_the_first() -> None:
    plan = plan_of(grid(factors={"schedule": SCHEDULE, "mixup": MIXUP})).plan
    assert {arm.name: arm.factors for arm in plan.arms} == {
        "bare": (),
        "+schedule=cosine": ("schedule=cosine",),
        "+schedule=step": ("schedule=step",),
        "+mixup": ("mixup",),
        "full": ("schedule=cosine", "mixup"),
        "-schedule=cosine": ("mixup",),
        "full~schedule=step": ("schedule=step", "mixup"),
        "-mixup": ("schedule=cosine",),
    }
    judged = {(c.factor, c.context): (c.treatment, c.reference) for c in plan.comparisons if not c.weights}
    assert judged["schedule=step", "removed from full"] == ("full~schedule=step", "-schedule=cosine")
    assert plan.arm("full~schedule=step").recipe["schedule"] == {"kind": "step", "every_epochs": 1}
    assert not any(arm.undeclared for arm in plan.arms)
    assert {"schedule=cosine", "schedule=step", "mixup"} <= set(plan.cards)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ({"levels": {}}, r"factors\.size\.levels: expected names, each with what it changes, got \{\}"),
        ({"levels": [1]}, r"factors\.size\.levels: expected names, .*got \[1\]"),
        ({"levels": {"big": {}}}, r"factors\.size\.levels\.big: expected a mapping of what it changes, got \{\}"),
        ({"levels": {"a b": {"precision": "fp32"}}}, r"factors\.size\.levels\.a b: expected a name"),
        ({"levels": {"big": {"precision": "fp32"}}, "precision": "bf16"}, r"has levels and precision beside them"),
        (
            {"levels": {"big": {"budget.batch_size": "many"}}},
            r"factors\.size\.levels\.big.*budget\.batch_size.*'many'",
        ),
        ({"levels": {"big": {"strategies": [{"kind": "mixupp"}]}}}, r"levels\.big.*no strategy 'mixupp'"),
    ],
)
def test_a_fault_in_a_level_is_named_where_it_is_written(factor: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        grid(factors={"size": factor})


def test_two_factors_that_set_the_same_field_are_told_to_be_levels() -> None:
    cosine, step = SCHEDULE["levels"].values()
    with pytest.raises(SpecError, match=r"NAME: \{levels: \{cosine: \{\.\.\.\}, step: \{\.\.\.\}\}\}"):
        grid(factors={"cosine": cosine, "step": step})


def test_controls_have_no_levels() -> None:
    with pytest.raises(SpecError, match="a control has no levels; write one control for each"):
        grid(factors={"mixup": MIXUP}, controls={"schedule": SCHEDULE})


def test_editors_know_about_levels() -> None:
    factor = grid_schema()["properties"]["factors"]["additionalProperties"]
    assert "schedule" in factor["properties"]["levels"]["additionalProperties"]["properties"]
    assert "levels" not in grid_schema()["properties"]["controls"]["additionalProperties"]["properties"]
