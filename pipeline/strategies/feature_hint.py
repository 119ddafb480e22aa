"""Feature hints: a regressor of the student's features shall find the teacher's."""

from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor, nn

from pipeline.models.features import FeatureTap
from pipeline.models.teachers import Teachers
from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef, TeacherRef, stages_of
from pipeline.spec.training import TrainingFields
from pipeline.strategies.base import LossFn, StageContext, Strategy, StrategyConfig
from pipeline.types import Batch, LossTerms

CARD = Card(
    title="Feature hints",
    family="distillation",
    idea="Let a linear map of the student's features come close to the teacher's; the map dies with training.",
    formula="L = CE(y, p) + w / 2 mean_d (f_teacher - R f)_d^2, with R learnt beside the student",
    paper=Paper(title="FitNets: Hints for Thin Deep Nets", year=2014, arxiv="1412.6550"),
    helps_when="The teacher knows other classes (a pretrained network), so that its probabilities are of no use.",
    pitfalls=(
        "The teacher costs a training run per seed, and a forward pass per step: look at the cost with ancestors.",
        "The weight depends on how large the teacher's features are: look at the term `feature_hint` in the curves.",
        "The paper hints at a middle layer, before the labels; here it is the layer before the classifier, all along.",
    ),
    clashes={
        "arcface": "hints listen to a linear classifier, and it puts another one in its place",
        "cosface": "hints listen to a linear classifier, and it puts another one in its place",
    },
    defaults_from="weight 1: with the factor 1/2 the paper's equation 3, as a mean over features; not tuned here.",
)


def hint_loss(guess_ND: Tensor, teacher_ND: Tensor) -> Tensor:
    """Half the squared difference, mean over images and features."""
    return 0.5 * (guess_ND - teacher_ND).square().mean()


class FeatureHint(Strategy["FeatureHintConfig"]):
    """Listens to what the classifiers of both networks are given."""

    def __init__(self, config: "FeatureHintConfig", context: StageContext) -> None:
        super().__init__(config, context)
        self._teachers = Teachers((config.teacher,), context.load_teacher, 0)
        self._student: FeatureTap | None = None
        self._regressor: nn.Linear | None = None

    def helper(self, model: nn.Module) -> nn.Module:  # noqa: D102 - the hook's own docstring
        (teacher,) = self._teachers.networks
        self._student = FeatureTap(model, self.context.num_classes)
        self._teacher = FeatureTap(teacher, self.context.num_classes)
        self._regressor = nn.Linear(self._student.num_features, self._teacher.num_features)
        return self._regressor

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        def with_hint(logits: Tensor, batch: Batch) -> LossTerms:
            assert self._student is not None and self._regressor is not None, "`helper` comes before the first loss"
            guess = self._regressor(self._student.take()[: len(batch.images)])  # labelled images come first
            self._teachers.logits(batch)
            loss = hint_loss(guess.float(), self._teacher.take().float())
            return {**loss_fn(logits, batch), "feature_hint": self.config.weight * loss}

        return with_hint


class FeatureHintConfig(StrategyConfig):
    """Switches hints on; the recipe `teacher_student` with `how: features` adds the teacher's stage too."""

    kind: Literal["feature_hint"] = "feature_hint"
    teacher: TeacherRef = Field(
        description="{stage: NAME}, or {model: {...}, weights: {kind: pretrained}}: its classes do not matter"
    )
    weight: float = Field(1.0, gt=0, description="of the hint beside the loss")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = FeatureHint

    @classmethod
    def example(cls) -> Self:
        """From a stage that the caller provides."""
        return cls(teacher=StageRef(stage="teacher"))

    def needs(self) -> tuple[str, ...]:
        """The teacher, if it is a stage."""
        return stages_of(self.teacher)

    def fault(self, training: TrainingFields) -> str | None:
        """Compiled networks are not listened to."""
        if training.compile != "off":
            return "it listens to a layer of the network, which torch.compile may take apart; set compile: off"
        return None
