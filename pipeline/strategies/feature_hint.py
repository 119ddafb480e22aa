"""Feature hints: a regressor of the student's features shall find the teacher's."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.features import FeatureTap
from pipeline.models.layers import LayerTap, pass_blank
from pipeline.models.teachers import Teachers
from pipeline.spec.base import ADDED_LATER, Frozen
from pipeline.spec.card import Card, Paper
from pipeline.spec.errors import SpecError
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
        "The paper hints at a middle layer, before it learns from labels; here hints go on all along, and are of the "
        "layer before the classifier unless `layers` says otherwise.",
        "Of maps of different height or width the larger is averaged: its detail is no part of the hint.",
    ),
    clashes={
        "arcface": "hints listen to a linear classifier, and it puts another one in its place",
        "cosface": "hints listen to a linear classifier, and it puts another one in its place",
    },
    defaults_from="weight 1: with the factor 1/2 the paper's equation 3, as a mean over features; not tuned here.",
)


def hint_loss(guess: Tensor, teacher: Tensor) -> Tensor:
    """Half the squared difference, mean over images, features and places.  [N, D, ...] each."""
    return 0.5 * (guess - teacher).square().mean()


@dataclass(frozen=True, slots=True)
class Listeners:
    """At a layer of the student, and at the layer of the teacher that it shall predict."""

    student: FeatureTap | LayerTap
    teacher: FeatureTap | LayerTap


def regressor_between(student: Tensor, teacher: Tensor) -> nn.Module:
    """From the student's features to the teacher's, place by place: a linear map, of maps a 1x1 convolution.

    Args:
        student: what its layer gave: [N, D, H, W] (maps), [N, D, T] (tokens) or [N, D].
        teacher: the same of the teacher.

    Raises:
        SpecError: one of them has places and the other has not, or not as many.
    """
    shapes = tuple(student.shape[1:]), tuple(teacher.shape[1:])
    if student.ndim != teacher.ndim or (student.ndim == 3 and student.shape[2] != teacher.shape[2]):
        raise SpecError(
            f"feature_hint.layers: the student's layer gives {list(shapes[0])} for an image and the teacher's "
            f"{list(shapes[1])}; expected maps of both ([D, H, W], of any size), as many tokens ([D, T]) or vectors "
            "([D]). Choose other layers"
        )
    kind = {2: nn.Linear, 3: partial(nn.Conv1d, kernel_size=1), 4: partial(nn.Conv2d, kernel_size=1)}[student.ndim]
    return kind(student.shape[1], teacher.shape[1])


def at_common_size(guess: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps at the smaller of their heights and of their widths, by averages over what is closest."""
    if guess.shape == teacher.shape:
        return guess, teacher
    size = (min(guess.shape[2], teacher.shape[2]), min(guess.shape[3], teacher.shape[3]))
    return functional.adaptive_avg_pool2d(guess, size), functional.adaptive_avg_pool2d(teacher, size)


class FeatureHint(Strategy["FeatureHintConfig"]):
    """Listens to both networks: to what their classifiers are given, or to layers in the middle."""

    def __init__(self, config: "FeatureHintConfig", context: StageContext) -> None:
        super().__init__(config, context)
        self._teachers = Teachers((config.teacher,), context.load_teacher, 0)
        self._pairs: list[Listeners] = []
        self._regressors: list[nn.Module] = []

    def helper(self, model: nn.Module) -> nn.Module:  # noqa: D102 - the hook's own docstring
        (teacher,) = self._teachers.networks
        if self.config.layers:
            chosen = map(LayerPair.of, self.config.layers)
            self._pairs = [Listeners(LayerTap(model, p.student), LayerTap(teacher, p.teacher)) for p in chosen]
        else:
            ends = (FeatureTap(network, self.context.num_classes) for network in (model, teacher))
            self._pairs = [Listeners(*ends)]
        for network in (model, teacher):
            pass_blank(network, self.context.image_size_px)
        self._regressors = [regressor_between(pair.student.take(), pair.teacher.take()) for pair in self._pairs]
        # Alone under its own name, as it was before there could be several: checkpoints know it by that.
        return self._regressors[0] if not self.config.layers else nn.ModuleList(self._regressors)

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        def with_hint(logits: Tensor, batch: Batch) -> LossTerms:
            assert self._pairs, "`helper` comes before the first loss"
            self._teachers.logits(batch)
            losses = []
            for pair, regressor in zip(self._pairs, self._regressors, strict=True):
                guess = regressor(pair.student.take()[: len(batch.images)])  # labelled images come first
                losses.append(hint_loss(*at_common_size(guess.float(), pair.teacher.take().float())))
            loss = torch.stack(losses).mean()
            return {**loss_fn(logits, batch), "feature_hint": self.config.weight * loss}

        return with_hint


Layer = Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)]


class LayerPair(Frozen):
    """Layers of both networks, each a stage's number or a module's name."""

    student: Layer
    teacher: Layer

    @classmethod
    def of(cls, layer: "Layer | LayerPair") -> "LayerPair":
        """A layer by itself is meant in both networks."""
        return layer if isinstance(layer, LayerPair) else cls(student=layer, teacher=layer)


HintLayers = tuple[Layer | LayerPair, ...]


class FeatureHintConfig(StrategyConfig):
    """Switches hints on; the recipe `teacher_student` with `how: features` adds the teacher's stage too."""

    kind: Literal["feature_hint"] = "feature_hint"
    teacher: TeacherRef = Field(
        description="{stage: NAME}, or {model: {...}, weights: {kind: pretrained}}: its classes do not matter"
    )
    weight: float = Field(1.0, gt=0, description="of the hint beside the loss")
    layers: Annotated[HintLayers, ADDED_LATER] = Field(
        (),
        description="where to listen, e.g. [2] (that stage of both, from 0), [layer2] or [{student: 1, teacher: "
        "layer3}]; default: what the classifiers are given",
    )
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
