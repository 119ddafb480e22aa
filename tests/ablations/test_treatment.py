"""The hidden-treatment check, on resolved experiments written by hand and on those of real grids."""

from typing import Any

import pytest

from ablations.planning.treatment import undeclared
from pipeline.spec.data import Digits, RandomResizedCrop
from pipeline.spec.optim import AdamW, Sgd
from pipeline.spec.study import Arm, Undeclared
from tests.ablations.grids import COSINE, DISTILL, MIXUP, SMOOTHING, grid, plan_of

SGD = {"kind": "sgd", "lr": 0.1, "weight_decay": 5.0e-5}


def hidden(patch: dict[str, Any], base: dict[str, Any] | None = None) -> dict[str, tuple[Any, Any]]:
    """Path -> bare's value and the arm's, of a grid with this one factor, as its plan keeps them."""
    arm = plan_of(grid({"optimizer": SGD, **(base or {})}, factors={"x": patch})).plan.arm("+x")
    assert all(change.factors == ("x",) for change in arm.undeclared)
    return {change.path: (change.bare, change.arm) for change in arm.undeclared}


def test_another_kind_brings_its_defaults_and_they_are_flagged() -> None:
    assert hidden({"optimizer": {"kind": "adamw"}}) == {
        "optimizer.lr": (0.1, AdamW().lr),
        "optimizer.weight_decay": (5.0e-5, AdamW().weight_decay),
    }


def test_what_the_factor_names_is_its_treatment() -> None:
    assert hidden({"optimizer": {"kind": "adamw", "lr": 0.01, "weight_decay": 0.1}}) == {}
    assert set(hidden({"optimizer": {"kind": "adamw", "lr": 0.01}})) == {"optimizer.weight_decay"}
    assert set(hidden({"optimizer.kind": "adamw", "optimizer.lr": 0.01})) == {"optimizer.weight_decay"}


def test_a_field_that_both_kinds_set_alike_or_that_only_one_has_is_no_hidden_change() -> None:
    alike = {"optimizer": {"kind": "sgd", "lr": AdamW().lr, "weight_decay": AdamW().weight_decay, "momentum": 0.5}}
    assert hidden({"optimizer": {"kind": "adamw"}}, alike) == {}


def test_the_same_kind_written_again_loses_what_bare_had_set() -> None:
    base = {"optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.5, "weight_decay": 0.3}}
    assert hidden({"optimizer": {"kind": "sgd", "lr": 0.2}}, base) == {
        "optimizer.momentum": (0.5, Sgd().momentum),
        "optimizer.weight_decay": (0.3, Sgd().weight_decay),
    }
    assert hidden({"optimizer.lr": 0.2}, base) == {}, "a path changes one field only"


def test_a_schedule_of_another_kind_drops_the_warm_up() -> None:
    base = {"schedule": {"kind": "constant", "warmup_epochs": 0.5}}
    assert hidden(COSINE, base) == {"schedule.warmup_epochs": (0.5, 0.0)}
    assert hidden({"schedule": {"kind": "cosine", "warmup_epochs": 0.5}}, base) == {}


def test_free_options_of_one_kind_that_vanish_are_flagged() -> None:
    lamb = {"kind": "timm", "name": "lamb", "lr": 0.1, "options": {"eps": 1.0e-5}}
    adan = {"optimizer": {"kind": "timm", "name": "adan", "lr": 0.1}}
    assert hidden(adan, {"optimizer": lamb}) == {"optimizer.options.eps": (1.0e-5, None)}
    written = {"optimizer": {**adan["optimizer"], "options": {}}}
    assert hidden(written, {"optimizer": lamb}) == {}, "the factor says that there shall be none"


@pytest.mark.parametrize(
    "patch",
    [
        MIXUP,
        DISTILL,
        {"precision": "bf16"},
        {"data.image_size_px": 24},
        {"data.augment": {"crop": {"kind": "full_image"}, "horizontal_flip_prob": 0.5}},
        {"budget": {"epochs": 3}},
        {**SMOOTHING, "optimizer.lr": 0.3},
    ],
)
def test_strategies_recipes_and_named_fields_are_declared(patch: dict) -> None:
    assert hidden(patch) == {}
    assert hidden(patch, {"strategies": [{"kind": "placebo"}]}) == {}, "strategies of bare stay what they are"


def test_a_part_of_a_default_that_depends_on_the_kind_of_data_loses_the_other_parts() -> None:
    """The digits start from milder crops than other data; a patch of one part falls back to those of the others."""
    found = hidden({"data.augment.horizontal_flip_prob": 0.5})
    crop, usual = Digits().augment.crop, RandomResizedCrop()
    assert isinstance(crop, RandomResizedCrop)
    assert found == {
        "data.augment.crop.min_area_frac": (crop.min_area_frac, usual.min_area_frac),
        "data.augment.crop.min_aspect": (crop.min_aspect, usual.min_aspect),
        "data.augment.crop.max_aspect": (crop.max_aspect, usual.max_aspect),
    }
    written = {"data": {"kind": "digits", "augment": {"crop": crop.model_dump(), "horizontal_flip_prob": 0.0}}}
    assert hidden({"data.augment.horizontal_flip_prob": 0.5}, written) == {}


def arm_of(name: str, **factors: dict[str, Any]) -> Arm:
    return plan_of(grid({"optimizer": SGD}, factors=factors)).plan.arm(name)


def test_every_arm_with_the_factor_is_flagged_and_no_other() -> None:
    factors = {"adamw": {"optimizer": {"kind": "adamw", "lr": 0.1}}, "mixup": MIXUP, "cosine": COSINE}
    plan = plan_of(
        grid({"optimizer": SGD}, factors=factors, controls={"placebo": {"strategies": [{"kind": "placebo"}]}})
    )
    flagged = {arm.name: arm.undeclared for arm in plan.plan.arms if arm.undeclared}
    assert flagged.keys() == {"+adamw", "full", "-mixup", "-cosine"}
    change = Undeclared(path="optimizer.weight_decay", bare=5.0e-5, arm=0.05, factors=("adamw",))
    assert all(found == (change,) for found in flagged.values())


def test_of_several_factors_the_one_that_writes_closest_is_named() -> None:
    adamw = {"optimizer": {"kind": "adamw", "lr": 0.1}}
    flip, size = {"data.augment.horizontal_flip_prob": 0.5}, {"data.image_size_px": 24}
    owners = {change.path: change.factors for change in arm_of("full", adamw=adamw, size=size, flip=flip).undeclared}
    assert owners["optimizer.weight_decay"] == ("adamw",)
    assert owners["data.augment.crop.min_area_frac"] == ("flip",)


def test_a_recipe_beside_a_hidden_change_hides_nothing() -> None:
    factors = {"adamw": {"optimizer": {"kind": "adamw", "lr": 0.1}}, "distill": DISTILL}
    assert [change.path for change in arm_of("full", **factors).undeclared] == ["optimizer.weight_decay"]


def test_an_old_plan_has_no_findings_and_still_loads() -> None:
    plan = plan_of(grid(factors={"mixup": MIXUP})).plan
    old = plan.model_dump(mode="json")
    for name in ("skipped", "unassessed"):
        del old[name]
    for arm in old["arms"]:
        del arm["undeclared"]
    assert type(plan).model_validate(old) == plan


def test_a_difference_that_nobody_set_is_flagged_without_an_owner() -> None:
    """No grid leads to this today. The check compares what came out, so it would show if one did."""
    bare = {"precision": "fp32", "strategies": [{"kind": "mixup", "alpha": 0.2}]}
    arm = {"precision": "bf16", "strategies": [{"kind": "placebo"}, {"kind": "mixup", "alpha": 0.4}]}
    assert undeclared(arm, bare, {"x": {"model": {"width": 8}}}) == (
        Undeclared(path="precision", bare="fp32", arm="bf16"),
        Undeclared(path="strategies.mixup.alpha", bare=0.2, arm=0.4),
        Undeclared(path="strategies.placebo", bare=None, arm={"kind": "placebo"}),
    )
