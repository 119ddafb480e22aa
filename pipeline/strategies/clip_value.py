"""Gradient clipping by value: no component of the gradient is larger than this."""

from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn
from torch.nn.utils import clip_grad_value_

from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Gradient clipping by value",
    family="optimization",
    tasks=ANY_TASK,
    idea="Cut every component of the gradient to a range around zero.",
    formula="g' = max(-max_value, min(max_value, g)), component by component",
    paper=Paper(title="Generating Sequences With Recurrent Neural Networks", year=2013, arxiv="1308.0850"),
    helps_when="A few components explode while the rest is sound.",
    pitfalls=("It turns the gradient: large components lose, small ones keep their size.",),
    clashes={
        "clip_norm": "each clips what the other has clipped",
        "adaptive_clip": "each clips what the other has clipped",
    },
    defaults_from="none: a good value depends on the network; look at its gradients first.",
)


class ClipValue(Strategy["ClipValueConfig"]):
    """Torch's own."""

    def before_step(self, model: nn.Module) -> None:  # noqa: D102 - the hook's own docstring
        clip_grad_value_(model.parameters(), self.config.max_value)


class ClipValueConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["clip_value"] = "clip_value"
    max_value: float = Field(gt=0, description="largest absolute value of a component")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ClipValue

    @classmethod
    def example(cls) -> Self:
        """Small enough to be met by most networks."""
        return cls(max_value=0.01)

    @classmethod
    def neutral(cls) -> Self:
        """Larger than any component."""
        return cls(max_value=1e30)
