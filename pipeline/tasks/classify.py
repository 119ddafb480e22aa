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
    return {"cross_entropy": functional.cross_entropy(logits, batch.targets)}


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """[N] int64 -> [N, K] float32."""
    return functional.one_hot(labels, num_classes).to(torch.float32)
