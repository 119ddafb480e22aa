"""Knowledge distillation: match the softened class probabilities of a teacher."""

from functools import cached_property
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef
from pipeline.strategies.base import LossFn, Strategy, StrategyConfig
from pipeline.types import Batch, LossTerms

CARD = Card(
    title="Knowledge distillation",
    family="distillation",
    idea="Besides the labels, learn the teacher's probabilities on the very same (augmented, mixed) images.",
    formula="L = (1 - w) CE(y, p) + w T^2 KL(p_teacher^(1/T) || p^(1/T))",
    paper=Paper(title="Distilling the Knowledge in a Neural Network", year=2015, arxiv="1503.02531"),
    helps_when="A larger or differently trained network is clearly better than the student.",
    pitfalls=(
        "The teacher costs a training run per seed, and a forward pass per step: look at the cost with ancestors.",
        "The teacher must see the student's view of the image (Beyer et al., arXiv:2106.05237).",
    ),
    defaults_from="T 4 and w 0.5: within the ranges of the paper; not tuned here.",
)


def distillation_loss(student_NK: Tensor, teacher_NK: Tensor, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) at temperature T, mean over the batch.  Logits, float32."""
    teacher = functional.log_softmax(teacher_NK / temperature, dim=1)
    student = functional.log_softmax(student_NK / temperature, dim=1)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


class Distill(Strategy["DistillConfig"]):
    """Holds the teacher, outside DDP and without gradients."""

    @cached_property
    def _teacher(self) -> nn.Module:
        """Loaded when the first loss needs it: whoever only evaluates the student does not."""
        return self.context.load_stage_model(self.config.teacher.stage)

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        weight, temperature = self.config.weight, self.config.temperature

        def with_teacher(logits: Tensor, batch: Batch) -> LossTerms:
            with torch.no_grad():
                teacher_logits = self._teacher(batch.images).float()
            terms = {name: (1.0 - weight) * term for name, term in loss_fn(logits, batch).items()}
            return {**terms, "distill": weight * distillation_loss(logits, teacher_logits, temperature)}

        return with_teacher


class DistillConfig(StrategyConfig):
    """Switches distillation on; the recipe `teacher_student` adds the teacher's stage too."""

    kind: Literal["distill"] = "distill"
    teacher: StageRef
    temperature: float = Field(4.0, gt=0)
    weight: float = Field(0.5, gt=0, le=1, description="share of the distillation term")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Distill

    @classmethod
    def example(cls) -> Self:
        """From a stage that the caller provides."""
        return cls(teacher=StageRef(stage="teacher"))

    def needs(self) -> tuple[str, ...]:
        """The teacher."""
        return (self.teacher.stage,)
