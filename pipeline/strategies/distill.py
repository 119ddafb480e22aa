"""Knowledge distillation: match the softened class probabilities of a teacher, or of several."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.models.teachers import mean_log_probs
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy
from pipeline.strategies.teaching import Taught, TaughtConfig

CARD = Card(
    title="Knowledge distillation",
    family="distillation",
    idea="Besides the labels, learn the teacher's probabilities on the very same (augmented, mixed) images.",
    formula="L = (1 - w) CE(y, p) + w T^2 KL(p_teacher^(1/T) || p^(1/T)); of several teachers, the mean probability",
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
    return ensemble_loss(student_NK, teacher_NK[:, None], temperature)


def ensemble_loss(student_NK: Tensor, teachers_NMK: Tensor, temperature: float) -> Tensor:
    """The same from the mean probabilities of M teachers."""
    student = functional.log_softmax(student_NK / temperature, dim=1)
    teacher = mean_log_probs(teachers_NMK, temperature)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


class Distill(Taught["DistillConfig"]):
    """Learns softened probabilities."""

    def teachers_term(self, logits_NK: Tensor, teachers_NMK: Tensor) -> Tensor:  # noqa: D102 - as its base
        return ensemble_loss(logits_NK, teachers_NMK, self.config.temperature)


class DistillConfig(TaughtConfig):
    """Switches distillation on; the recipes `teacher_student` and `born_again` add the teacher's stages too."""

    kind: Literal["distill"] = "distill"
    temperature: float = Field(4.0, gt=0)
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Distill
