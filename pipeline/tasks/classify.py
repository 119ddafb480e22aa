"""Supervised classification with soft targets."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.tasks.base import Peers, Task
from pipeline.types import Batch, LossFn, LossTerms


class Classify(Task):
    """Cross-entropy between the targets' and the network's class probabilities."""

    kind: Literal["classify"] = "classify"

    def loss_fn(self, peers: Peers) -> LossFn:  # noqa: D102 - as its base
        del peers  # each sample counts for itself
        return cross_entropy


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
