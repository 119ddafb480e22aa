"""Squeeze and excitation: let the whole feature map decide which of its channels count."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from pipeline.models.squeeze_excite import with_squeeze_excite
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Squeeze and excitation",
    family="architecture",
    tasks=ANY_TASK,
    idea="Behind every block, average each channel, and scale the channels by a small network of these averages.",
    formula="y = x sigmoid(W2 relu(W1 mean(x)))",
    paper=Paper(title="Squeeze-and-Excitation Networks", year=2017, arxiv="1709.01507"),
    helps_when="The network has room in time but not in depth: few FLOPs, but more kernels to launch.",
    pitfalls=(
        "It halves its input at the start, since the gate opens half way.",
        "Hidden channels are a multiple of 8, as timm rounds them: in narrow networks more than channels / reduction.",
        "Networks that have it already (EfficientNet, MobileNetV3 in part) offer no or fewer places.",
    ),
    defaults_from="reduction 16: the paper.",
)


class SqueezeExcite(Strategy["SqueezeExciteConfig"]):
    """All is done in the network."""


class SqueezeExciteConfig(StrategyConfig):
    """Switches squeeze and excitation on."""

    kind: Literal["squeeze_excite"] = "squeeze_excite"
    reduction: int = Field(16, ge=1, le=64, description="channels over hidden channels")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = SqueezeExcite

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """In every block."""
        return with_squeeze_excite(model, self.reduction)
