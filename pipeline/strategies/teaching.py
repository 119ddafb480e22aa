"""What strategies that learn from a teacher's class probabilities share; no strategy itself."""

from typing import Annotated, Generic, Self, TypeVar

from pydantic import Field
from torch import Tensor

from pipeline.models.teachers import Teachers
from pipeline.spec.links import StageRef, TeacherRef, as_tuple, headless, stages_of
from pipeline.spec.training import TrainingFields
from pipeline.strategies.base import LossFn, StageContext, Strategy, StrategyConfig
from pipeline.types import Batch, LossTerms


class TaughtConfig(StrategyConfig):
    """Teachers that know the data's classes, and how much their term counts."""

    teacher: TeacherRef | Annotated[tuple[TeacherRef, ...], Field(min_length=1)] = Field(
        description="{stage: NAME}, or {model: {...}, weights: {kind: from_file, path: ..., part: all}}; a list: all"
    )
    weight: float = Field(0.5, gt=0, le=1, description="share of the teacher's term; the labels have the rest")

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


C = TypeVar("C", bound=TaughtConfig)


class Taught(Strategy[C], Generic[C]):
    """Holds the teachers, outside DDP and without gradients: L = (1 - weight) L_labels + weight L_teacher."""

    def __init__(self, config: C, context: StageContext) -> None:
        super().__init__(config, context)
        self._teachers = Teachers(as_tuple(config.teacher), context.load_teacher, context.num_fixed_rows)

    def teachers_term(self, logits_NK: Tensor, teachers_NMK: Tensor) -> Tensor:
        """How far the student is from what M teachers say of the same images: a scalar.  Logits, float32."""
        raise NotImplementedError

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        weight = self.config.weight

        def with_teachers(logits: Tensor, batch: Batch) -> LossTerms:
            said = self._teachers.logits(batch)
            terms = {name: (1.0 - weight) * term for name, term in loss_fn(logits, batch).items()}
            return {**terms, self.config.kind: weight * self.teachers_term(logits, said)}

        return with_teachers

    def remarks(self) -> tuple[str, ...]:  # noqa: D102 - the hook's own docstring
        return self._teachers.remarks
