"""Blur pooling: filter out what a smaller map cannot show before skipping pixels."""

from typing import ClassVar, Literal

from torch import nn

from pipeline.models.blur_pool import FilterSize, Shortcuts, with_blur_pool
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Blur pooling",
    family="architecture",
    tasks=ANY_TASK,
    idea="Run layers of stride 2 at stride 1, blur their output with a small binomial filter, and then skip pixels.",
    formula="strided(f)(x) becomes every second pixel of blur(f(x))",
    paper=Paper(title="Making Convolutional Networks Shift-Invariant Again", year=2019, arxiv="1904.11486"),
    helps_when="Predictions should not change when an object moves by a pixel; small images with strong down-sampling.",
    pitfalls=(
        "The layer in front of each blur works on four times the pixels: look at FLOPs and step time.",
        "The convolution that reads the image keeps its stride, as in the author's ResNets.",
        "Maps of one pixel cannot be blurred: small images through deep networks are refused.",
        "Only stride 2 is changed; patch embeddings (ViT, ConvNeXt) stay.",
    ),
    defaults_from="filter_size 3 (5): the paper's triangle (binomial) filter; 3 is timm's default too.",
)


class BlurPool(Strategy["BlurPoolConfig"]):
    """All is done in the network."""


class BlurPoolConfig(StrategyConfig):
    """Switches blur pooling on."""

    kind: Literal["blur_pool"] = "blur_pool"
    filter_size: FilterSize = 3
    shortcuts: Shortcuts = "blur"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = BlurPool

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """Wherever a layer behind the first convolution has stride 2."""
        return with_blur_pool(model, self.filter_size, self.shortcuts)
