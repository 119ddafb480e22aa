"""Designs through the planner: a grid in, arms and contrasts out."""

import pytest

from pipeline.spec.errors import SpecError
from pipeline.spec.study import StudyPlan
from tests.ablations.grids import COSINE, MIXUP, SMOOTHING, grid, plan_of

CUTMIX = {"strategies": [{"kind": "cutmix"}]}
FOUR = {"cosine": COSINE, "smoothing": SMOOTHING, "mixup": MIXUP, "cutmix": CUTMIX}


@pytest.mark.parametrize("design", ["auto", "full_factorial", {"kind": "auto", "max_runs": 36}])
def test_tricks_that_exclude_each_other_are_levels_of_one_factor_in_a_factorial(design: str | dict) -> None:
    plan = plan_of(grid(factors=FOUR, design=design, seeds=[0, 1, 2])).plan
    assert len(plan.arms) == 2 * 2 * 3 and not plan.skipped
    averaged = [c.factor for c in plan.comparisons if c.context == "averaged over the others"]
    assert averaged == ["cosine", "smoothing", "mixup", "cutmix"]
    names = {arm.name for arm in plan.arms}
    assert all(comparison.contrast.keys() <= names for comparison in plan.comparisons)
    assert StudyPlan.model_validate_json(plan.model_dump_json()) == plan


def test_auto_keeps_to_the_budget_of_the_grid() -> None:
    plan = plan_of(grid(factors=FOUR, design="auto", seeds=[0, 1, 2], max_runs=30)).plan
    assert plan.design_notes[0].startswith(
        "auto chose d_optimal in 8 cells for 4 factors: 8 arms, 24 runs with 3 seeds"
    )
    with pytest.raises(SpecError, match="4 factors and 3 seeds need at least 18 runs, more than the 5 that max_runs"):
        plan_of(grid(factors=FOUR, design="auto", seeds=[0, 1, 2], max_runs=5))


def test_aliases_are_in_the_plan() -> None:
    factors = {"cosine": COSINE, "smoothing": SMOOTHING, "mixup": MIXUP}
    plan = plan_of(grid(factors=factors, design={"kind": "fractional", "cells": 4})).plan
    rows = {alias.effect: alias for alias in plan.aliases}
    assert rows["mixup"].mixed_with == ("cosine x smoothing",) and not rows["mixup"].clear
    assert {arm.name for arm in plan.arms} >= {"bare", "full"}


def test_baseline_trains_bare_alone() -> None:
    plan = plan_of(grid(factors=FOUR, design="baseline")).plan
    assert [arm.name for arm in plan.arms] == ["bare"] and plan.comparisons == ()
