"""Adaptive gradient clipping: limit the gradient of each unit to a share of its weights."""

from typing import ClassVar, Literal, Self

from pydantic import Field
from timm.utils.agc import adaptive_clip_grad
from torch import nn

from pipeline.models.structure import head_names
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Adaptive gradient clipping",
    family="optimization",
    tasks=ANY_TASK,
    idea="Shorten the gradient of an output unit when it is long compared with the unit's own weights.",
    formula="g_i' = g_i min(1, factor max(|w_i|, eps) / |g_i|) for each row i of a kernel; the head is left alone",
    paper=Paper(
        title="High-Performance Large-Scale Image Recognition Without Normalization", year=2021, arxiv="2102.06171"
    ),
    helps_when="The network has no normalization layers, or batches and rates are large.",
    pitfalls=(
        "Networks with batch norm rarely need it.",
        "Biases and scales start at zero or one and count as one unit each: eps decides how fast they can leave zero.",
    ),
    clashes={
        "clip_norm": "each clips what the other has clipped",
        "clip_value": "each clips what the other has clipped",
    },
    defaults_from="factor 0.01 and eps 1e-3: the paper, which also leaves the last layer alone.",
)


class AdaptiveClip(Strategy["AdaptiveClipConfig"]):
    """timm's, over the backbone."""

    def before_step(self, model: nn.Module) -> None:  # noqa: D102 - the hook's own docstring
        head = head_names(model)
        backbone = [parameter for name, parameter in model.named_parameters() if name not in head]
        adaptive_clip_grad(backbone, clip_factor=self.config.factor, eps=self.config.eps)


class AdaptiveClipConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["adaptive_clip"] = "adaptive_clip"
    factor: float = Field(0.01, gt=0, description="largest gradient of a unit as a share of its weights' length")
    eps: float = Field(1e-3, gt=0, description="length that counts for units whose weights are shorter")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = AdaptiveClip

    @classmethod
    def neutral(cls) -> Self:
        """Longer than any gradient."""
        return cls(factor=1e30)
