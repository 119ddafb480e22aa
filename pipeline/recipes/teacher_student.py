"""Teacher and student: train a larger network first, then distil it."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from pipeline.experiment import StageList, StageSpec, Strategies, Training
from pipeline.recipes.base import RecipeConfig
from pipeline.spec.card import Card
from pipeline.spec.links import StageRef
from pipeline.spec.model import AnyModel, Timm
from pipeline.spec.optim import AnyOptimizer
from pipeline.spec.schedule import AnySchedule, Cosine
from pipeline.strategies.distill import CARD as DISTILL_CARD
from pipeline.strategies.distill import DistillConfig


def _timm_by_default(value: Any) -> Any:
    return {"kind": "timm", **value} if isinstance(value, dict) and "kind" not in value else value


class TeacherStudentConfig(RecipeConfig):
    """Adds a stage `teacher` and the strategy `distill`.

    The teacher has its own explicit recipe, so that no factor of the student changes it.
    """

    kind: Literal["teacher_student"] = "teacher_student"
    teacher: Annotated[AnyModel, BeforeValidator(_timm_by_default)]
    epochs: int | None = Field(None, ge=1, description="default: the bare budget's")
    optimizer: AnyOptimizer | None = Field(None, description="default: the bare recipe's")
    schedule: AnySchedule = Cosine()
    strategies: Strategies = ()
    temperature: float = Field(4.0, gt=0)
    weight: float = Field(0.5, gt=0, le=1)
    card: ClassVar[Card] = DISTILL_CARD

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(teacher=Timm(name="resnet34"))

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Put the teacher before the student."""
        *earlier, student = trial.stages
        teacher = StageSpec(
            name="teacher",
            data=bare.data,
            model=self.teacher,
            optimizer=self.optimizer or bare.optimizer,
            schedule=self.schedule,
            budget=bare.budget.model_copy(update={"epochs": self.epochs}) if self.epochs else bare.budget,
            precision=bare.precision,
            strategies=self.strategies,
        )
        distill = DistillConfig(teacher=StageRef(stage="teacher"), temperature=self.temperature, weight=self.weight)
        dump = {name: getattr(student, name) for name in StageSpec.model_fields}
        distilled = StageSpec(**{**dump, "strategies": (*student.strategies, distill)})
        return StageList(stages=(*earlier, teacher, distilled))
