"""Plans with stages before those that are compared: two data sets, arms that cannot be, and what is counted."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.grid.spec import parse_grid
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned
from pipeline.spec.errors import SpecError
from tests.ablations.studies import GRID

SSL: dict[str, Any] = {"kind": "ssl_pretrain"}


def planned(recipes: dict[str, list[dict[str, Any]]], **changes: Any) -> Planned:
    """GRID with these recipes as levels of one factor."""
    levels = {name: {"recipes": own} for name, own in recipes.items()}
    grid = yaml.safe_load(GRID) | {"factors": {"start": {"levels": levels}}, "controls": {}}
    grid["base"] |= changes
    return build_plan(parse_grid(grid, "grid"), lambda precision: precision)


def test_two_data_sets_are_both_prepared() -> None:
    plan = planned({"other": [{"kind": "pretrain", "data": {"kind": "digits", "num_train": 300}}]})
    pretrain, main = plan.plan.arm("+start=other").stages
    assert main.needs == {"pretrain": pretrain.stage_hash}
    keys = {run.stage.name: run.data_key for run in plan.runs}
    assert set(plan.data) == set(keys.values())
    sizes = {name: len(plan.data[key].listing.rows("train")) for name, key in keys.items()}
    assert sizes == {"pretrain": 300, "main": 80}
    assert plan.plan.data.num_samples["train"] == 80, "the plan speaks of what is compared"


def test_the_same_images_of_other_size_are_read_once_and_arms_share_the_stage() -> None:
    plan = planned({"views": [SSL]})
    assert len(plan.data) == 1
    stages = {stage.stage_hash for arm in plan.plan.arms for stage in arm.stages if stage.name == "pretrain"}
    assert len(stages) == 1


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (SSL | {"task": {"kind": "mae", "patch_px": 4}}, "task mae needs timm's VisionTransformer"),
        (SSL | {"task": {"kind": "simmim", "patch_px": 5}}, "patch_px=5, which must divide data.image_size_px=16"),
        (SSL | {"strategies": [{"kind": "mixup"}]}, "mixup is for stages of task classify"),
    ],
)
def test_a_task_that_cannot_be_costs_its_arm_and_says_why(recipe: dict[str, Any], reason: str) -> None:
    plan = planned({"views": [SSL], "bad": [recipe]}).plan
    skipped = {arm.name: arm.reason for arm in plan.skipped}
    assert reason in skipped["+start=bad"]
    assert "+start=views" in {arm.name for arm in plan.arms}


def test_workers_that_cannot_have_global_negatives_are_refused() -> None:
    task = {"kind": "simclr", "negatives": "global"}
    with pytest.raises(SpecError, match=r"arm \+start=views, stage pretrain: task simclr with negatives: global"):
        planned({"views": [SSL | {"task": task}]})


def test_the_pool_counts_for_stages_without_labels() -> None:
    """Four images of each class keep their label: too few for a batch of 50, but not for a stage that needs none."""
    data = {"kind": "digits", "num_train": 80, "labeled_frac": 0.5}
    recipe = SSL | {"batch_size": 50}
    budget = {"epochs": 3, "batch_size": 20, "num_shards": 2}
    assert planned({"views": [recipe]}, data=data, budget=budget).plan.skipped == ()
    with pytest.raises(SpecError, match=r"budget\.batch_size=50 is larger than the training split"):
        planned({"views": [recipe]}, data=data, budget=budget | {"batch_size": 50})


def test_every_shipped_field_is_in_the_schema_of_grids(tmp_path: Path) -> None:
    from ablations.grid.schema import grid_schema

    text = yaml.safe_dump(grid_schema())
    for word in ("ssl_pretrain", "simclr", "simmim", "mae", "projection_dim", "mask_frac"):
        assert word in text, word
