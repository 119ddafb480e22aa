from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.contract.lab import Lab
from pipeline.contract.stages import train_alone
from pipeline.contract.trained import weights_of
from pipeline.models.small_cnn import SmallCnnNet
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
