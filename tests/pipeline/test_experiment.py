from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.experiment import StageList, StageSpec
from pipeline.spec.errors import SpecError
from pipeline.strategies.mixup import MixupConfig
from tests.pipeline.stages import digits_stage, example

GOLDEN = {
    "bare": "1d53e0d7f36e71b2a795acf362fa120f77aadd59e1c11ced3d7e6cd305d89974",
    "folder": "d423e4c918af7ee67b6504a72bf61d9dec930a13d98712fb386acfbda96d54ee",
    "student": "b285965d9ebda20815f5bc9280ba05f5bd48f4365fc1b2e1da680711f2b46841",
}


def golden_stage(name: str) -> StageSpec:
    match name:
        case "bare":
            return digits_stage()
        case "folder":
            return StageSpec.model_validate(
                {
                    "data": {"kind": "image_folder", "path": "photos", "image_size_px": 96},
                    "model": {"kind": "timm", "name": "resnet10t"},
                    "optimizer": {"kind": "adamw", "lr": 0.002},
                    "schedule": {"kind": "cosine", "warmup_epochs": 1},
                    "precision": "bf16",
                    "strategies": [example("mixup"), example("label_smoothing")],
                }
            )
        case _:
            return digits_stage(example("distill"), example("progressive_resizing"))


@pytest.mark.parametrize("name", GOLDEN)
def test_identities_keep_their_golden_values(name: str) -> None:
    """If this fails without intent, stored results would no longer be found. With intent: raise a `version`."""
    assert golden_stage(name).identity("fingerprint", {"teacher": "0" * 64}) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stage_survives_json(name: str) -> None:
    stage = golden_stage(name)
    again = StageSpec.model_validate_json(stage.model_dump_json())
    assert again == stage
    assert again.identity("f", {"teacher": "t"}) == stage.identity("f", {"teacher": "t"})


def test_names_and_paths_are_no_identity_but_the_data_is() -> None:
    folder = golden_stage("folder")
    moved = folder.model_copy(update={"name": "other", "data": folder.data.model_copy(update={"path": "elsewhere"})})
    assert moved != folder
    assert moved.identity("f", {}) == folder.identity("f", {})
    assert folder.identity("g", {}) != folder.identity("f", {})


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": {"kind": "sgd", "lr": 0.051}},
        {"budget": {"epochs": 4, "batch_size": 64}},
        {"budget": {"epochs": 3, "batch_size": 64, "num_shards": 2}},
        {"precision": "bf16"},
        {"model": {"kind": "small_cnn", "width": 5}},
        {"schedule": {"kind": "cosine"}},
        {"data": {"kind": "digits", "image_size_px": 20}},
        {"data": {"kind": "digits", "augment": {"horizontal_flip_prob": 0.1}}},
        {"strategies": ({"kind": "mixup"},)},
    ],
)
def test_everything_that_changes_numbers_changes_the_identity(change: dict[str, Any]) -> None:
    assert digits_stage(**change).identity("f", {}) != digits_stage().identity("f", {})


def test_another_teacher_makes_another_student() -> None:
    student = digits_stage(example("distill"))
    assert student.needs() == ("teacher",)
    assert student.identity("f", {"teacher": "a"}) != student.identity("f", {"teacher": "b"})
    renamed = digits_stage(example("distill") | {"teacher": {"stage": "big"}})
    assert renamed.identity("f", {"big": "a"}) == student.identity("f", {"teacher": "a"}), "its name is no identity"


def test_starting_weights_are_an_ancestor_too() -> None:
    stage = digits_stage(init={"kind": "from_stage", "stage": "pretrain"})
    assert stage.needs() == ("pretrain",)
    assert stage.identity("f", {"pretrain": "a"}) != stage.identity("f", {"pretrain": "b"})


SHA = "a" * 64


def test_weights_of_a_file_are_their_content_wherever_they_lie() -> None:
    def identity(**init: str) -> str:
        return digits_stage(init={"kind": "from_file", "path": "here.pt", "sha256": SHA} | init).identity("f", {})

    assert identity(path="there.pt") == identity()
    scratch = digits_stage().identity("f", {})
    assert len({identity(), identity(sha256="b" * 64), identity(part="backbone"), scratch}) == 4


@pytest.mark.parametrize(
    "init", [{"kind": "from_file", "path": "w.pt"}, {"kind": "pretrained"}, {"kind": "pretrained", "tag": "c3_in1k"}]
)
def test_weights_that_nobody_has_looked_at_have_no_identity(init: dict[str, str]) -> None:
    stage = digits_stage(model={"kind": "timm", "name": "resnet10t"}, init=init)
    with pytest.raises(SpecError, match=f"stage main: init of kind {init['kind']} has no sha256 yet"):
        stage.identity("f", {})


def test_which_part_of_an_earlier_stage_is_identity() -> None:
    stages = [digits_stage(init={"kind": "from_stage", "stage": "a", "part": part}) for part in ("all", "backbone")]
    assert len({stage.identity("f", {"a": "0"}) for stage in stages}) == 2


def test_a_raised_version_changes_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digits_stage(example("mixup")).identity("f", {})
    monkeypatch.setattr(MixupConfig, "version", MixupConfig.version + 1)
    assert digits_stage(example("mixup")).identity("f", {}) != before


def test_the_order_of_writing_does_not_matter() -> None:
    one = digits_stage(example("mixup"), example("label_noise"), example("label_smoothing"))
    other = digits_stage(example("label_smoothing"), example("mixup"), example("label_noise"))
    assert [s.kind for s in one.strategies] == ["label_noise", "label_smoothing", "mixup"]
    assert one == other
    assert one.identity("f", {}) == other.identity("f", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": [{"kind": "mixpu"}]}, "item 0: there is no strategy 'mixpu'; did you mean 'mixup'?"),
        ({"strategies": [{"kind": "zzz"}]}, "known kinds: placebo, "),
        ({"strategies": [{"kind": "mixup", "alhpa": 1}]}, r"strategies.0.mixup.alhpa"),
        ({"strategies": [{"kind": "mixup"}, {"kind": "mixup", "alpha": 1}]}, "mixup given more than once"),
        ({"schedule": {"kind": "cosine", "warmup_epochs": 3}}, "warmup_epochs=3.0 must be below budget.epochs=3"),
        ({"schedule": {"kind": "step", "every_epochs": 30}}, "every_epochs=30.0 is not below budget.epochs=3"),
        (
            {"schedule": {"kind": "one_cycle"}, "optimizer": {"kind": "sgd", "momentum": 0}},
            "schedule one_cycle cycles the momentum, which is 0 in optimizer sgd; set schedule.momentum: null",
        ),
        ({"strategies": [{"kind": "progressive_resizing", "from_px": 17}]}, "from_px=17 is above .*image_size_px=16"),
        ({"budget": {"batch_size": 64, "num_shards": 3}}, "num_shards=3 equal shards"),
        ({"precison": "fp32"}, "precison"),
        (
            {"init": {"kind": "pretrained"}},
            "timm has no pretrained weights for model.kind=small_cnn; choose",
        ),
        ({"init": {"kind": "from_file", "path": ""}}, r"init.from_file.path"),
        ({"init": {"kind": "from_file", "path": "w.pt", "sha256": "abc"}}, r"init.from_file.sha256"),
        ({"init": {"kind": "from_stage", "stage": "a", "part": "head"}}, r"init.from_stage.part"),
    ],
)
def test_faults_say_where_and_what(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        digits_stage(**change)


def test_clashing_strategies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        MixupConfig, "card", MixupConfig.card.model_copy(update={"clashes": {"placebo": "of a reason"}})
    )
    with pytest.raises(ValidationError, match="mixup clashes with placebo: of a reason; switch one of them off"):
        digits_stage(example("mixup"), example("placebo"))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([digits_stage(example("distill"))], "needs stage 'teacher', but the earlier stages are \\[\\]"),
        ([digits_stage(), digits_stage()], "two stages are named 'main'"),
        ([digits_stage(example("distill")), digits_stage(name="teacher")], "needs stage 'teacher'"),
        ([], "at least 1"),
    ],
)
def test_a_trial_needs_its_stages_in_order(stages: list[StageSpec], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StageList(stages=tuple(stages))
