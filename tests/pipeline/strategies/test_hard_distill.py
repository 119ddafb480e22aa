import math

import pytest
import torch

from pipeline.spec.links import StageRef
from pipeline.strategies.hard_distill import HardDistillConfig, hard_loss
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.strategies.contract import context, make_batch, teacher_of


def test_it_is_the_cross_entropy_with_the_teachers_class_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    teachers = 3 * torch.randn(7, 2, 4, generator=generator, dtype=torch.float64)
    total = 0.0
    for s, (first, second) in zip(student.tolist(), teachers.tolist(), strict=True):
        probs = [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in (first, second)]
        mean = [(a + b) / 2 for a, b in zip(*probs, strict=True)]
        total -= s[mean.index(max(mean))] - math.log(sum(map(math.exp, s)))
    assert float(hard_loss(student, teachers)) == pytest.approx(total / 7, rel=1e-6)


@pytest.mark.parametrize("weight", [0.25, 0.5, 1.0])
def test_terms_are_weighted_and_the_teacher_sees_the_same_images(weight: float) -> None:
    config = HardDistillConfig(teacher=StageRef(stage="teacher"), weight=weight)
    batch, logits = make_batch(), torch.randn(8, 5)
    terms = config.runtime(config, context()).wrap_loss(cross_entropy)(logits, batch)
    torch.testing.assert_close(terms["cross_entropy"], (1 - weight) * cross_entropy(logits, batch)["cross_entropy"])
    said = teacher_of(StageRef(stage="teacher"))(batch.images).argmax(dim=1)
    torch.testing.assert_close(terms["hard_distill"], weight * torch.nn.CrossEntropyLoss()(logits, said))
