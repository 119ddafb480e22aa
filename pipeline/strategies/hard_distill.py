"""Hard-label distillation: the teacher's most probable class is a second label."""

from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional

from pipeline.models.teachers import mean_log_probs
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy
from pipeline.strategies.teaching import Taught, TaughtConfig

CARD = Card(
    title="Hard-label distillation",
    family="distillation",
    idea="Besides the labels, learn the class that the teacher sees in this very (augmented, mixed) image.",
    formula="L = (1 - w) CE(y, p) + w CE(argmax_k p_teacher, p)",
    paper=Paper(
        title="Training data-efficient image transformers & distillation through attention",
        year=2020,
        arxiv="2012.12877",
    ),
    helps_when="The teacher is clearly better; a crop may show something else than its label says, and it looks at it.",
    pitfalls=(
        "The teacher costs a training run per seed, and a forward pass per step: look at the cost with ancestors.",
        "No temperature softens a teacher's mistakes.",
        "The paper reads it from a token of its own; here one head learns both.",
    ),
    clashes={"distill": "both learn from a teacher in place of the same share of the labels"},
    defaults_from="weight 0.5: the paper's equation 3.",
)


def hard_loss(student_NK: Tensor, teachers_NMK: Tensor) -> Tensor:
    """Cross-entropy with the class of the largest (mean) probability, mean over the batch.  Logits, float32."""
    return functional.cross_entropy(student_NK, mean_log_probs(teachers_NMK, 1.0).argmax(dim=1))


class HardDistill(Taught["HardDistillConfig"]):
    """Learns the most probable class."""

    def teachers_term(self, logits_NK: Tensor, teachers_NMK: Tensor) -> Tensor:  # noqa: D102 - as its base
        return hard_loss(logits_NK, teachers_NMK)


class HardDistillConfig(TaughtConfig):
    """Switches it on; the recipe `teacher_student` with `how: hard` adds the teacher's stage too."""

    kind: Literal["hard_distill"] = "hard_distill"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = HardDistill
