from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.data import RandomResizedCrop
from pipeline.spec.errors import Impossible
from pipeline.spec.links import FromStage
from tests.pipeline.recipes.test_teacher_student import BARE, RECIPE, experiment
from tests.pipeline.stages import example

SSL: dict[str, Any] = {"kind": "ssl_pretrain"}
OTHER: dict[str, Any] = {"kind": "pretrain", "data": {"kind": "digits", "num_train": 500}}


@pytest.mark.parametrize(("recipe", "task"), [(SSL, "simclr"), (OTHER, "classify")])
def test_the_stage_comes_first_and_the_last_starts_from_its_backbone(recipe: dict[str, Any], task: str) -> None:
    first, main = experiment(example("mixup"), recipes=[recipe]).expand(BARE).stages
    assert (first.name, first.task.kind, main.name, main.task.kind) == ("pretrain", task, "main", "classify")
    assert main.init == FromStage(stage="pretrain", part="backbone")
    assert main.needs() == ("pretrain",)
    assert [s.kind for s in main.strategies] == ["mixup"]
    assert "mixup" not in [s.kind for s in first.strategies]
    assert (first.optimizer, first.budget, first.schedule.kind) == (BARE.optimizer, BARE.budget, "cosine")


def test_budget_optimizer_and_strategies_are_its_own() -> None:
    recipe = SSL | {"epochs": 40, "batch_size": 128, "optimizer": {"kind": "adamw"}, "strategies": [{"kind": "blur"}]}
    first, main = experiment(recipes=[recipe]).expand(BARE).stages
    assert (first.budget.epochs, first.budget.batch_size, first.optimizer.kind) == (40, 128, "adamw")
    assert main.budget == BARE.budget
    assert [s.kind for s in first.strategies] == ["blur"]


def test_views_and_crops_are_those_of_the_papers() -> None:
    def first(**task: Any) -> Any:
        return experiment(recipes=[SSL | {"task": task}]).expand(BARE).stages[0]

    simclr = first(kind="simclr")
    assert [s.kind for s in simclr.strategies] == ["color_jitter", "grayscale", "blur"]
    jitter = simclr.strategies[0]
    assert (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.prob) == (0.8, 0.8, 0.8, 0.2, 0.8)
    assert (simclr.strategies[1].prob, simclr.strategies[2].prob) == (0.2, 0.5)
    areas = {kind: first(kind=kind, **({} if kind == "simclr" else {"patch_px": 4})).data.augment.crop.min_area_frac
             for kind in ("simclr", "mae", "simmim")}  # fmt: skip
    assert areas == {"simclr": 0.08, "mae": 0.2, "simmim": 0.67}
    assert simclr.data.augment.horizontal_flip_prob == BARE.data.augment.horizontal_flip_prob == 0.0, "digits: no flips"
    crop = {"kind": "random_resized_crop", "min_area_frac": 0.5}
    (own, _) = experiment(recipes=[SSL | {"crop": crop}]).expand(BARE).stages
    assert own.data.augment.crop == RandomResizedCrop(min_area_frac=0.5)


def test_no_factor_of_the_arm_changes_it_but_its_network_does() -> None:
    """So every arm of a seed with the same network shares one."""

    def identity(*strategies: dict[str, Any], **changes: Any) -> str:
        return experiment(*strategies, recipes=[SSL], **changes).expand(BARE).stages[0].identity("f", {})

    bare = identity()
    assert identity(example("mixup"), example("ema")) == bare
    assert identity(optimizer={"kind": "adamw"}, schedule={"kind": "cosine"}, precision="bf16") == bare
    assert identity(model={"kind": "small_cnn", "width": 8}) != bare
    assert identity(example("normalization")) != bare


def test_surgery_on_the_backbone_is_done_to_both_and_a_new_classifier_to_the_last() -> None:
    first, main = experiment(example("normalization"), example("arcface"), recipes=[SSL]).expand(BARE).stages
    assert "normalization" in [s.kind for s in first.strategies]
    assert "arcface" not in [s.kind for s in first.strategies]
    assert {"normalization", "arcface"} == {s.kind for s in main.strategies}
    recipe = SSL | {"strategies": [{"kind": "normalization"}]}
    first, _ = experiment(example("normalization"), recipes=[recipe]).expand(BARE).stages
    assert [s.kind for s in first.strategies] == ["normalization"], "once"


def test_other_data_comes_with_its_own_sizes() -> None:
    recipe = OTHER | {"data": {"kind": "digits", "image_size_px": 24}}
    first, main = experiment(recipes=[recipe]).expand(BARE).stages
    assert (first.data.image_size_px, main.data.image_size_px) == (24, 16)


@pytest.mark.parametrize("order", [[SSL, RECIPE], [RECIPE, SSL]])
def test_it_goes_with_a_teacher_in_any_order(order: list[dict[str, Any]]) -> None:
    stages = experiment(recipes=order).expand(BARE).stages
    assert {stage.name for stage in stages} == {"pretrain", "teacher", "main"}
    assert stages[-1].needs() == ("pretrain", "teacher")
    assert [s.init.kind for s in stages] == ["scratch", "scratch", "from_stage"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": [SSL, OTHER]}, "pretrain decides what the stage 'main' starts from, and so does its init of kind"),
        (
            {"recipes": [SSL], "init": {"kind": "from_file", "path": "w.pt"}},
            "ssl_pretrain decides what .* its init of kind from_file; switch one of them off",
        ),
    ],
)
def test_two_that_decide_the_start_cannot_be_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Impossible, match=message):
        experiment(**changes).expand(BARE)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"kind": "pretrain"}, r"recipes.0.pretrain.data"),
        (SSL | {"task": {"kind": "classify"}}, "simclr"),
        (SSL | {"task": {"kind": "simclr", "temprature": 1}}, "temprature"),
        (SSL | {"epochs": 0}, "epochs"),
    ],
)
def test_faults_say_where(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        experiment(recipes=[recipe])


def test_a_strategy_that_is_for_classification_is_refused_in_it() -> None:
    with pytest.raises(ValidationError, match="mixup is for stages of task classify, but stage 'pretrain' is of task"):
        experiment(recipes=[SSL | {"strategies": [{"kind": "mixup"}]}]).expand(BARE)


def test_an_experiment_survives_json() -> None:
    spec = experiment(recipes=[SSL | {"task": {"kind": "simmim", "patch_px": 4}}])
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec
