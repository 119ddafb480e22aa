"""Frozen backbone: only the head learns (a linear probe)."""

from typing import ClassVar, Literal

from torch import nn

from pipeline.models.structure import head_names
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Frozen backbone",
    family="transfer",
    idea="Keep the features of a pretrained network as they are and learn the classifier on top of them only.",
    formula="learn the parameters of the head; frozen batch norms keep their statistics",
    paper=Paper(
        title="CNN Features off-the-shelf: an Astounding Baseline for Recognition", year=2014, arxiv="1403.6382"
    ),
    helps_when="There are few images, or the question is how good the features are; a step costs about a third.",
    pitfalls=(
        "Without pretrained weights (`init`) it learns on random features.",
        "The best rate is far higher than for fine-tuning.",
    ),
)


class FrozenBackbone(Strategy["FrozenBackboneConfig"]):
    """Draws nothing."""

    def trainable(self, model: nn.Module, progress: float) -> frozenset[str]:  # noqa: D102 - the hook's own docstring
        return head_names(model)


class FrozenBackboneConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["frozen_backbone"] = "frozen_backbone"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = FrozenBackbone
