"""Knowledge distillation: match the softened class probabilities of a teacher, or of several."""

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


class Distill(Strategy["DistillConfig"]):
    """Holds the teachers, outside DDP and without gradients."""

    def __init__(self, config: "DistillConfig", context: StageContext) -> None:
        super().__init__(config, context)
        self._teachers = Teachers(as_tuple(config.teacher), context.load_teacher, context.num_fixed_rows)

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        weight, temperature = self.config.weight, self.config.temperature

        def with_teacher(logits: Tensor, batch: Batch) -> LossTerms:
            teacher_logits = self._teachers.logits(batch)
            terms = {name: (1.0 - weight) * term for name, term in loss_fn(logits, batch).items()}
            return {**terms, "distill": weight * ensemble_loss(logits, teacher_logits, temperature)}

        return with_teacher

    def remarks(self) -> tuple[str, ...]:  # noqa: D102 - the hook's own docstring
        return self._teachers.remarks


class DistillConfig(StrategyConfig):
    """Switches distillation on; the recipes `teacher_student` and `born_again` add the teacher's stages too."""

    kind: Literal["distill"] = "distill"
    teacher: TeacherRef | Annotated[tuple[TeacherRef, ...], Field(min_length=1)] = Field(
        description="{stage: NAME}, or {model: {...}, weights: {kind: from_file, path: ..., part: all}}; a list: all"
    )
    temperature: float = Field(4.0, gt=0)
    weight: float = Field(0.5, gt=0, le=1, description="share of the distillation term")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Distill

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
