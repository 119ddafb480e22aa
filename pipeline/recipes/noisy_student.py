"""Noisy student: a student as large or larger, trained with noise on a teacher's labels, becomes the next teacher."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from pipeline.experiment import StageList, StageSpec, Strategies, Training
from pipeline.recipes.base import RecipeConfig, changed, fields_of, with_strategy
from pipeline.recipes.teacher_student import timm_by_default
from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef
from pipeline.spec.model import AnyModel
from pipeline.strategies.pseudo_labels import MinConfidence, PseudoLabelsConfig, Selection
from pipeline.strategies.rand_augment import RandAugmentConfig

CARD = Card(
    title="Noisy student",
    family="semi-supervised",
    idea="A teacher labels images without noise; an equal or larger student learns them under noise, and teaches next.",
    formula="student: CE on labels and on p_teacher(u), both on noisy inputs through a noisy network",
    paper=Paper(
        title="Self-training with Noisy Student improves ImageNet classification", year=2019, arxiv="1911.04252"
    ),
    helps_when="Unlabelled images of the same classes are many, and the student is large enough for them.",
    pitfalls=(
        "A larger student is another network: compare with bare at that size, and look at the cost.",
        "Without noise it is pseudo-labelling; give `student` a drop_rate and a drop_path_rate, too.",
        "More images at equal epochs are more steps.",
    ),
    defaults_from=(
        "Soft labels and RandAugment: the paper's. min_confidence 0.3: the paper's filter on JFT. One round, where the "
        "paper makes three: set rounds."
    ),
)


class NoisyStudentConfig(RecipeConfig):
    """Adds a stage `noisy_teacher` (the bare recipe), one more for each further round, and `pseudo_labels`."""

    kind: Literal["noisy_student"] = "noisy_student"
    student: Annotated[AnyModel | None, BeforeValidator(timm_by_default)] = Field(
        None, description="the students' network, as large as the teacher's or larger; default: the arm's own"
    )
    noise: Strategies = Field((RandAugmentConfig(),), description="what students train with, where the arm has it not")
    rounds: int = Field(1, ge=1, le=10, description="how often a student becomes the teacher of the next")
    select: Selection = MinConfidence(min_confidence=0.3)
    soft: bool = Field(True, description="the teacher's probabilities as targets, instead of its most probable class")
    card: ClassVar[Card] = CARD

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Put the teachers before the last stage. The first is the bare arm, and shares its runs."""
        *earlier, main = trial.stages
        teachers = [StageSpec(name="noisy_teacher", **fields_of(bare))]
        for number in range(2, self.rounds + 1):
            fresh = StageSpec(name=f"noisy_student_{number - 1}", **fields_of(bare))
            teachers.append(self._student(fresh, teachers[-1]))
        return StageList(stages=(*earlier, *teachers, self._student(main, teachers[-1])))

    def _student(self, stage: StageSpec, teacher: StageSpec) -> StageSpec:
        known = {strategy.key for strategy in stage.strategies}
        noise = tuple(strategy for strategy in self.noise if strategy.key not in known)
        noisy = changed(stage, model=self.student or stage.model, strategies=(*stage.strategies, *noise))
        labels = PseudoLabelsConfig(teacher=StageRef(stage=teacher.name), select=self.select, soft=self.soft)
        return with_strategy(noisy, labels, self.kind)
