"""Hard-label distillation: the teacher's most probable class is a second label."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.models.teachers import Teachers, mean_log_probs
from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef, TeacherRef, as_tuple, headless, stages_of
from pipeline.spec.training import TrainingFields
from pipeline.strategies.base import LossFn, StageContext, Strategy, StrategyConfig
from pipeline.types import Batch, LossTerms

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


class HardDistill(Strategy["HardDistillConfig"]):
    """Holds the teachers, outside DDP and without gradients."""

    def __init__(self, config: "HardDistillConfig", context: StageContext) -> None:
        super().__init__(config, context)
        self._teachers = Teachers(as_tuple(config.teacher), context.load_teacher, context.num_fixed_rows)

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        weight = self.config.weight

        def with_teacher(logits: Tensor, batch: Batch) -> LossTerms:
            said = self._teachers.logits(batch)
            terms = {name: (1.0 - weight) * term for name, term in loss_fn(logits, batch).items()}
            return {**terms, "hard_distill": weight * hard_loss(logits, said)}

        return with_teacher

    def remarks(self) -> tuple[str, ...]:  # noqa: D102 - the hook's own docstring
        return self._teachers.remarks


class HardDistillConfig(StrategyConfig):
    """Switches it on; the recipe `teacher_student` with `how: hard` adds the teacher's stage too."""

    kind: Literal["hard_distill"] = "hard_distill"
    teacher: TeacherRef | Annotated[tuple[TeacherRef, ...], Field(min_length=1)] = Field(
        description="{stage: NAME}, or {model: {...}, weights: {kind: from_file, path: ..., part: all}}; a list: all"
    )
    weight: float = Field(0.5, gt=0, le=1, description="share of the teacher's label")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = HardDistill

    @classmethod
    def example(cls) -> Self:
        """From a stage that the caller provides."""
        return cls(teacher=StageRef(stage="teacher"))

    def needs(self) -> tuple[str, ...]:
        """The teachers that are stages."""
        return stages_of(self.teacher)

    def fault(self, training: TrainingFields) -> str | None:
        """Teachers must know the classes."""
        return headless(self.teacher)
