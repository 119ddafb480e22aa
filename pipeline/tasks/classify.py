"""Supervised classification with soft targets."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.spec.base import Frozen
from pipeline.types import Batch, LossTerms


class Classify(Frozen):
    """Cross-entropy between the targets' and the network's class probabilities."""

    kind: Literal["classify"] = "classify"


def cross_entropy(logits: Tensor, batch: Batch) -> LossTerms:
    """Mean soft cross-entropy.  logits: [N, K] float32."""
    if batch.weights is None:
        return {"cross_entropy": functional.cross_entropy(logits, batch.targets)}
    return {"cross_entropy": mean_loss(functional.cross_entropy(logits, batch.targets, reduction="none"), batch)}


def mean_loss(losses_N: Tensor, batch: Batch) -> Tensor:
    """The mean over samples, each with its weight; the sum is over N, so weights that average 1 keep the scale."""
    return (losses_N if batch.weights is None else losses_N * batch.weights).mean()


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """[N] int64 -> [N, K] float32."""
    return functional.one_hot(labels, num_classes).to(torch.float32)
