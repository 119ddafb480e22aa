from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.contract.lab import Lab
from pipeline.contract.stages import train_alone
from pipeline.contract.trained import check_resume_of, weights_of
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.errors import SpecError
from pipeline.spec.links import StageRef
from pipeline.strategies.chain import Chain
from pipeline.strategies.feature_hint import FeatureHintConfig, hint_loss
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context, make_batch

CONFIG = FeatureHintConfig(teacher=StageRef(stage="teacher"), weight=3.0)


class Plain(nn.Module):
    """A network whose features are the first pixels."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.fc = nn.Linear(num_features, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(images.flatten(1)[:, : self.num_features])


def test_the_regressor_maps_the_students_features_to_the_teachers() -> None:
    teacher = Plain(6).eval()
    chain = Chain([CONFIG], replace(context(), load_teacher=lambda ref: teacher))
    student = Plain(3)
    chain.add_helpers(student)
    (weight, bias) = (p for name, p in student.named_parameters() if "helpers" in name)
    assert weight.shape == (6, 3)
    batch = make_batch()
    terms = chain.wrap_loss(cross_entropy)(student(batch.images), batch)
    total = 0.0
    for image in batch.images:
        pixels = image.flatten().tolist()
        for d in range(6):
            guess = bias[d].item() + sum(weight[d, j].item() * pixels[j] for j in range(3))
            total += (pixels[d] - guess) ** 2
    assert terms["feature_hint"].item() == pytest.approx(3.0 * 0.5 * total / (8 * 6), rel=1e-5)
    torch.testing.assert_close(terms["cross_entropy"], cross_entropy(student(batch.images), batch)["cross_entropy"])


def test_it_is_half_of_torchs_mean_squared_error() -> None:
    guess, teacher = torch.randn(4, 7), torch.randn(4, 7)
    torch.testing.assert_close(hint_loss(guess, teacher), 0.5 * nn.MSELoss()(guess, teacher))


def test_both_networks_and_the_regressor_learn_or_do_not() -> None:
    teacher, student = SmallCnnNet(5, 4, 0.0).eval().requires_grad_(False), SmallCnnNet(5, 3, 0.0)
    chain = Chain([CONFIG], replace(context(), load_teacher=lambda ref: teacher))
    chain.add_helpers(student)
    batch = make_batch()
    chain.wrap_loss(lambda logits, batch: {})(student(batch.images), batch)["feature_hint"].backward()
    learns = {name for name, p in student.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert {name for name in learns if "helpers" in name} == {
        "helpers_of_training.feature_hint.weight", "helpers_of_training.feature_hint.bias",
    }  # fmt: skip
    assert any("helpers" not in name for name in learns), "and through it the student's backbone"
    assert all(p.grad is None for p in teacher.parameters())


def test_the_regressor_dies_with_training(lab: Lab) -> None:
    job = lab.job(digits_stage(example("feature_hint")))
    result = train_alone(job, lab.data_of(job.spec))
    plain = SmallCnnNet(10, 4, 0.0)
    assert weights_of(job).keys() == plain.state_dict().keys()
    assert result.record.cost is not None
    assert result.record.cost.num_parameters == sum(p.numel() for p in plain.parameters())
    assert result.record.metrics["train/feature_hint"] > 0


def test_compiled_networks_are_refused() -> None:
    with pytest.raises(ValidationError, match="set compile: off"):
        digits_stage(example("feature_hint"), compile="default")


def hints_of(student: nn.Module, teacher: nn.Module, layers: list[Any]) -> tuple[float, nn.Module]:
    """The term, and the student with its helpers."""
    config = FeatureHintConfig.model_validate({"teacher": {"stage": "t"}, "weight": 3.0, "layers": layers})
    chain = Chain([config], replace(context(), load_teacher=lambda ref: teacher))
    chain.add_helpers(student)
    batch = make_batch()
    return chain.wrap_loss(cross_entropy)(student(batch.images), batch)["feature_hint"].item(), student


@torch.no_grad()
def test_hints_of_middle_layers_are_the_slow_sum() -> None:
    """Equation 3 of the paper, pixel by pixel; the teacher's map is larger, and averaged to the student's."""
    torch.manual_seed(0)
    student, teacher = SmallCnnNet(5, 3, 0.0).eval(), SmallCnnNet(5, 5, 0.0).eval()
    got, student = hints_of(student, teacher, [1, {"student": "features.5", "teacher": 0}])
    images, helpers = make_batch().images, student.get_submodule("helpers_of_training.feature_hint")
    assert isinstance(student, SmallCnnNet)
    guided = student.features[:6](images)  # [8, 6, 4, 4]
    totals = []
    for regressor, hint in zip(
        helpers.children(), (teacher.features[:6](images), teacher.features[:3](images)), strict=True
    ):
        (weight, bias) = (p.detach() for p in regressor.parameters())
        block, total = hint.shape[2] // 4, 0.0
        for n in range(8):
            for y in range(4):
                for x in range(4):
                    guess = weight[:, :, 0, 0] @ guided[n, :, y, x] + bias
                    place = hint[n, :, block * y : block * (y + 1), block * x : block * (x + 1)].mean(dim=(1, 2))
                    total += float((guess - place).square().sum())
        totals.append(0.5 * total / (8 * hint.shape[1] * 16))
    assert got == pytest.approx(3.0 * sum(totals) / 2, rel=1e-4)


def test_a_convnet_of_timm_may_teach_ours_and_a_transformer_a_transformer() -> None:
    resnet = timm.create_model("test_resnet", num_classes=5).eval().requires_grad_(False)
    term, student = hints_of(SmallCnnNet(5, 3, 0.0), resnet, [{"student": 2, "teacher": "layer2"}])
    assert term > 0
    (regressor,) = student.get_submodule("helpers_of_training.feature_hint").children()
    assert isinstance(regressor, nn.Conv2d) and regressor.weight.shape == (48, 12, 1, 1)
    vits = [timm.create_model("test_vit", num_classes=5, img_size=16, patch_size=4).eval() for _ in range(2)]
    assert hints_of(*vits, [0, 3])[0] > 0
    with pytest.raises(SpecError, match=r"layer gives \[12, 4, 4\] for an image and the teacher's \[64, 17\]"):
        hints_of(SmallCnnNet(5, 3, 0.0), vits[0], [2])


def test_without_layers_it_is_the_stage_that_it_always_was() -> None:
    plain = digits_stage(example("feature_hint"))
    said = digits_stage(example("feature_hint") | {"layers": []})
    other = digits_stage(example("feature_hint") | {"layers": [1]})
    one, two, three = (stage.identity("f", {"teacher": "a"}) for stage in (plain, said, other))
    assert one == two != three


def test_a_stage_with_hints_of_middle_layers_can_be_resumed(lab: Lab) -> None:
    check_resume_of(digits_stage(example("feature_hint") | {"layers": [0, {"student": 2, "teacher": 1}]}), lab)


def test_the_recipe_hands_the_layers_on() -> None:
    recipe = {"kind": "teacher_student", "teacher": {"kind": "small_cnn"}, "layers": [1]}
    bare = ExperimentSpec.model_validate(digits_stage().model_dump(exclude={"name", "task", "init"}))
    arm = ExperimentSpec.model_validate(bare.model_dump() | {"recipes": [recipe | {"how": "features"}]})
    assert arm.expand(bare).stages[-1].strategies[0].model_dump()["layers"] == (1,)
    with pytest.raises(ValidationError, match="they are for how: features, not for how: soft"):
        ExperimentSpec.model_validate(bare.model_dump() | {"recipes": [recipe]})
