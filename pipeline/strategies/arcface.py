"""ArcFace: classify by angles, with a margin on the angle to the true class."""

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.heads import with_cosine_head
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import LossFn, Strategy, StrategyConfig, TrainingFields
from pipeline.tasks.margin import mixing_fault, with_margin

MIN_SQUARED_SINE = 1e-12  # the square root's slope stays finite at an angle of 0 or pi; 1e-6 rad, below float32's step

CARD = Card(
    title="ArcFace",
    family="heads",
    idea="Replace the classifier by scaled cosines to class centres, and add a margin to the angle of the true class.",
    formula="logit_k = s cos(t_k), and in training logit_y = s cos(t_y + m)",
    paper=Paper(title="ArcFace: Additive Angular Margin Loss for Deep Face Recognition", year=2018, arxiv="1801.07698"),
    helps_when="Many classes with few images each, or features that are used for retrieval afterwards.",
    pitfalls=(
        "The scale bounds how sure the network can be: with few classes a large one is overconfident.",
        "A large margin at the start may keep a small network from learning: then lower it.",
        "Weight decay only changes how fast the centres turn, since their length does not count.",
        "The training loss is not comparable with the baseline's.",
    ),
    clashes={
        "mixup": "a margin needs one true class",
        "cutmix": "a margin needs one true class",
        "mixup_or_cutmix": "a margin needs one true class",
        "cosface": "both replace the classifier and put a margin on the true class",
    },
    defaults_from="margin 0.5 rad: the paper. scale 30: the paper has 64, for very many faces; not tuned here.",
)


def arc_margin(cosine: Tensor, margin_rad: float) -> Tensor:
    """cos(t + m) for t = acos(cosine), without an acos.

    Beyond t = pi - m it would rise again; there it goes on falling as cos(t) - m sin(m), as in the authors' code.

    Args:
        cosine: any shape, float32.
        margin_rad: m, in radians.
    """
    sine = (1.0 - cosine.square()).clamp(min=MIN_SQUARED_SINE).sqrt()
    moved = cosine * math.cos(margin_rad) - sine * math.sin(margin_rad)
    return torch.where(cosine > -math.cos(margin_rad), moved, cosine - margin_rad * math.sin(margin_rad))


class ArcFace(Strategy["ArcFaceConfig"]):
    """Puts the margin on the logits of the cosine head."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        margin_rad = self.config.margin_rad
        return with_margin(loss_fn, lambda cosine: arc_margin(cosine, margin_rad), self.config.scale)


class ArcFaceConfig(StrategyConfig):
    """Switches ArcFace on."""

    kind: Literal["arcface"] = "arcface"
    scale: float = Field(30.0, gt=0, le=128, description="logits are scale * cosine")
    margin_rad: float = Field(0.5, ge=0, lt=1.5, description="added to the angle of the true class; 0: cosine softmax")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ArcFace

    def fault(self, training: TrainingFields) -> str | None:
        """No mixed images."""
        return mixing_fault(training.strategies)

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """A cosine head."""
        return with_cosine_head(model, num_classes, self.scale)
