"""Gradient clipping by norm: no step is longer than one of this gradient length."""

from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn
from torch.nn.utils import clip_grad_norm_

from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Gradient clipping by norm",
    family="optimization",
    tasks=ANY_TASK,
    idea="Shorten the gradient of the whole network to a largest length, without turning it.",
    formula="g' = g min(1, max_norm / (|g| + 1e-6))",
    paper=Paper(title="On the difficulty of training Recurrent Neural Networks", year=2013, arxiv="1211.5063"),
    helps_when="Training diverges, or single batches throw it back: high rates, few warm-up epochs, transformers.",
    pitfalls=(
        "Gradients grow with the network, so one value does not fit all.",
        "If it clips every step, it is a learning-rate schedule in disguise.",
    ),
    clashes={
        "clip_value": "each clips what the other has clipped",
        "adaptive_clip": "each clips what the other has clipped",
    },
    defaults_from="max_norm 1: the fine-tuning and training setup of the vision transformer (arXiv:2010.11929).",
)


class ClipNorm(Strategy["ClipNormConfig"]):
    """Torch's own, over all parameters together."""

    def before_step(self, model: nn.Module) -> None:  # noqa: D102 - the hook's own docstring
        clip_grad_norm_(model.parameters(), self.config.max_norm)


class ClipNormConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["clip_norm"] = "clip_norm"
    max_norm: float = Field(1.0, gt=0, description="largest Euclidean length of the gradient")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ClipNorm

    @classmethod
    def example(cls) -> Self:
        """Shorter than the gradients of most networks."""
        return cls(max_norm=0.1)

    @classmethod
    def neutral(cls) -> Self:
        """Longer than any gradient."""
        return cls(max_norm=1e30)
