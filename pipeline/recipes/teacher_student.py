"""Teacher and student: train a larger network first, or several, then distil what they know."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.experiment import StageList, StageSpec, Strategies, Training
from pipeline.recipes.base import RecipeConfig, with_strategy
from pipeline.spec.card import Card
from pipeline.spec.errors import Impossible
from pipeline.spec.links import StageRef
from pipeline.spec.model import AnyModel, Timm
from pipeline.spec.optim import AnyOptimizer
from pipeline.spec.schedule import AnySchedule, Cosine
from pipeline.strategies.base import StrategyConfig
from pipeline.strategies.distill import CARD as DISTILL_CARD
from pipeline.strategies.distill import DistillConfig
from pipeline.strategies.feature_hint import FeatureHintConfig, HintLayers
from pipeline.strategies.hard_distill import HardDistillConfig
from pipeline.strategies.placebo import PlaceboConfig


def timm_by_default(value: Any) -> Any:
    """`{name: resnet34}` is a network of timm, also in a list."""
    if isinstance(value, list | tuple):
        return tuple(map(timm_by_default, value))
    return {"kind": "timm", **value} if isinstance(value, dict) and "kind" not in value else value


Teachers = AnyModel | Annotated[tuple[AnyModel, ...], Field(min_length=1)]


class TeacherStudentConfig(RecipeConfig):
    """Adds a stage `teacher` (and `teacher_2` ... for an ensemble), and the strategy that learns from it.

    The teacher has its own explicit recipe, so that no factor of the student changes it.
    """

    kind: Literal["teacher_student"] = "teacher_student"
    teacher: Annotated[Teachers, BeforeValidator(timm_by_default)] = Field(
        description="a network, or a list of them for an ensemble; equal ones differ by their luck"
    )
    how: Literal["soft", "hard", "features"] = Field(
        "soft", description="what is learnt: softened probabilities, the most probable class, or features"
    )
    epochs: int | None = Field(None, ge=1, description="default: the bare budget's")
    optimizer: AnyOptimizer | None = Field(None, description="default: the bare recipe's")
    schedule: AnySchedule = Cosine()
    strategies: Strategies = ()
    temperature: float = Field(4.0, gt=0, description="for how: soft")
    weight: float = Field(0.5, gt=0, le=1)
    layers: HintLayers = Field((), description="for how: features; default: what the classifiers are given")
    card: ClassVar[Card] = DISTILL_CARD

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(teacher=Timm(name="resnet34"))

    @model_validator(mode="after")
    def _hints_come_from_one(self) -> Self:
        if self.layers and self.how != "features":
            raise ValueError(f"layers: they are for how: features, not for how: {self.how}; leave them out")
        if self.how == "features" and isinstance(self.teacher, tuple):
            raise Impossible("how: features learns from one teacher; give one network, or how: soft")
        return self

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Put the teachers before the student."""
        *earlier, student = trial.stages
        models = self.teacher if isinstance(self.teacher, tuple) else (self.teacher,)
        teachers: list[StageSpec] = []
        for number, model in enumerate(models):
            # Another network of the same recipe is another network only if it starts and is fed differently.
            luck = (PlaceboConfig(stream=f"teacher {number + 1}"),) if model in models[:number] else ()
            teachers.append(
                StageSpec(
                    name="teacher" if number == 0 else f"teacher_{number + 1}",
                    data=bare.data,
                    model=model,
                    optimizer=self.optimizer or bare.optimizer,
                    schedule=self.schedule,
                    budget=bare.budget.model_copy(update={"epochs": self.epochs}) if self.epochs else bare.budget,
                    precision=bare.precision,
                    strategies=(*self.strategies, *luck),
                )
            )
        refs = tuple(StageRef(stage=teacher.name) for teacher in teachers)
        return StageList(stages=(*earlier, *teachers, with_strategy(student, self._learning_from(refs), self.kind)))

    def _learning_from(self, refs: tuple[StageRef, ...]) -> StrategyConfig:
        first, *others = refs
        teacher = refs if others else first
        match self.how:
            case "soft":
                return DistillConfig(teacher=teacher, temperature=self.temperature, weight=self.weight)
            case "hard":
                return HardDistillConfig(teacher=teacher, weight=self.weight)
            case "features":
                return FeatureHintConfig(teacher=first, weight=self.weight, layers=self.layers)
