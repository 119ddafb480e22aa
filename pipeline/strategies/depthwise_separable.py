"""Depthwise separable convolutions: filter each channel, then mix the channels."""

from typing import ClassVar, Literal

from torch import nn

from pipeline.models.depthwise import with_separable_convs
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Depthwise separable convolutions",
    family="architecture",
    tasks=ANY_TASK,
    idea="Split every full convolution, but the first, into a filter per channel and a 1x1 mix of the channels.",
    formula="k k C D weights become k k C + C D",
    paper=Paper(
        title="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
        year=2017,
        arxiv="1704.04861",
    ),
    helps_when="Parameters or multiplications are scarce, or the network is far too large for the data.",
    pitfalls=(
        "A smaller network, so accuracy usually drops: compare at equal cost, not at equal depth.",
        "Depthwise convolutions are slow for their FLOPs on GPUs: look at the step time.",
        "No norm or activation between the two parts, unlike MobileNet: the place in the network stays one layer.",
    ),
    defaults_from="The first convolution stays full: the paper.",
)


class DepthwiseSeparable(Strategy["DepthwiseSeparableConfig"]):
    """All is done in the network."""


class DepthwiseSeparableConfig(StrategyConfig):
    """Switches separable convolutions on."""

    kind: Literal["depthwise_separable"] = "depthwise_separable"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = DepthwiseSeparable

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """Every full convolution of more than one pixel, but the first."""
        return with_separable_convs(model)
