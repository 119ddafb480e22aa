"""Discriminative rates: the backbone learns at a fraction of the head's rate."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn

from pipeline.models.structure import head_names
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import ParamOptions, Strategy, StrategyConfig

CARD = Card(
    title="Discriminative learning rates",
    family="optimization",
    idea="A new head has everything to learn, a pretrained backbone little: give the backbone a fraction of the rate.",
    formula="lr = lr for the head, backbone_frac lr for everything else",
    paper=Paper(title="Universal Language Model Fine-tuning for Text Classification", year=2018, arxiv="1801.06146"),
    helps_when="A pretrained network gets a new head.",
    pitfalls=("From scratch it only makes the backbone learn slowly.",),
    clashes={"layer_decay": "both decide how fast the backbone learns"},
    defaults_from="backbone_frac 0.1: the usual tenth, with two groups where the paper has one for each layer.",
)


class DiscriminativeLr(Strategy["DiscriminativeLrConfig"]):
    """Draws nothing."""

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:  # noqa: D102
        head, frac = head_names(model), self.config.backbone_frac
        return {
            name: own if name in head else replace(own, lr_scale=own.lr_scale * frac) for name, own in options.items()
        }


class DiscriminativeLrConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["discriminative_lr"] = "discriminative_lr"
    backbone_frac: float = Field(0.1, gt=0, le=1, description="rate of the backbone as a share of the head's")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = DiscriminativeLr

    @classmethod
    def neutral(cls) -> Self:
        """One rate for all."""
        return cls(backbone_frac=1.0)
