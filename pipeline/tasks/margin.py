"""Margins: make the true class harder in training, on logits that are scaled cosines."""

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from pipeline.spec.card import Card
from pipeline.types import Batch, LossFn, LossTerms

Margin = Callable[[Tensor], Tensor]  # cosine of the true class -> what stands in its place


class HasCard(Protocol):
    """A strategy's config, as far as it matters here."""

    card: ClassVar[Card]

    @property
    def kind(self) -> str:
        """Its name."""
        ...


def on_true_class(logits_NK: Tensor, labels_N: Tensor, margin: Margin, scale: float) -> Tensor:
    """Logits in which the true class has its margin.

    Args:
        logits_NK: scale * cosine, float32.
        labels_N: int64.
        margin: of the cosine.
        scale: of the logits.

    Returns:
        [N, K]; where the margin changes nothing, the same bits.
    """
    true_N1 = labels_N[:, None]
    cosine_N1 = logits_NK.gather(1, true_N1) / scale
    change_N1 = scale * (margin(cosine_N1) - cosine_N1)
    return logits_NK + torch.zeros_like(logits_NK).scatter(1, true_N1, change_N1)


def with_margin(loss_fn: LossFn, margin: Margin, scale: float) -> LossFn:
    """The loss on logits with a margin. Only training has labels to put it on: evaluation sees the plain cosines."""

    def with_harder_truth(logits: Tensor, batch: Batch) -> LossTerms:
        return loss_fn(on_true_class(logits, batch.labels, margin, scale), batch)

    return with_harder_truth


def mixing_fault(strategies: Iterable[HasCard]) -> str | None:
    """Why a margin cannot be used beside these strategies: mixed images have more than one true class."""
    mixing = [strategy.kind for strategy in strategies if strategy.card.family == "mixing"]
    if not mixing:
        return None
    return f"a margin needs one true class, and {' and '.join(mixing)} gives an image several; switch one of them off"
