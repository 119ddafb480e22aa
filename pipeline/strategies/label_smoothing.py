"""Label smoothing: take a little certainty off every target."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor

from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Label smoothing",
    family="targets",
    idea="Spread a share epsilon of each target evenly over all classes, so that logits need not grow without bound.",
    formula="y' = (1 - epsilon) y + epsilon / K",
    paper=Paper(title="Rethinking the Inception Architecture for Computer Vision", year=2016, arxiv="1512.00567"),
    helps_when="Labels are partly wrong, or the network is overconfident; it often improves calibration.",
    pitfalls=(
        "A teacher trained with it distils worse (arXiv:1906.02629).",
        "The training loss has a floor above zero.",
    ),
    defaults_from="epsilon 0.1: the paper.",
)


def smooth(targets: Tensor, epsilon: float) -> Tensor:
    """targets: [N, K], rows sum to 1; so do the returned ones."""
    return (1.0 - epsilon) * targets + epsilon / targets.shape[1]


class LabelSmoothing(Strategy["LabelSmoothingConfig"]):
    """Draws nothing."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        return replace(batch, targets=smooth(batch.targets, self.config.epsilon))


class LabelSmoothingConfig(StrategyConfig):
    """Switches label smoothing on."""

    kind: Literal["label_smoothing"] = "label_smoothing"
    epsilon: float = Field(0.1, gt=0, lt=1)
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = LabelSmoothing

    @classmethod
    def neutral(cls) -> Self:
        """Less than a float32 can see."""
        return cls(epsilon=1e-30)
