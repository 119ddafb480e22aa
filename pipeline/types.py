"""What moves through training. Shape legend: N batch, C channels, H W pixels, K classes, D features."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LossTerms = dict[str, Tensor]
"""Named scalar terms; the loop sums them and logs each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One shard of a global batch, on the device."""

    images: Tensor  # [N, C, H, W] float, normalized
    labels: Tensor  # [N] int64, never edited: evaluation reads these
    targets: Tensor  # [N, K] float, rows sum to 1: training reads these
    weights: Tensor | None = None  # [N] float, each sample's weight in the loss; None: all alike
    rows: Tensor | None = None  # [N] int64, where in the data each image comes from; None: nowhere that is known
    pool: tuple[Tensor, ...] = ()  # views of unlabelled images, [M, C, H, W] each, in the same order
    num_views: int = 1  # V: rows are views, all samples' first views before all second ones; N counts rows
    mask: Tensor | None = None  # [N, P] bool, patches (row by row) that a task hides from the network; None: none

    @property
    def shown(self) -> Tensor:
        """[N + 2 M, C, H, W]: what the network is shown in one pass, the labelled images first."""
        return torch.cat([self.images, *self.pool]) if self.pool else self.images


LossFn = Callable[[Tensor, Batch], LossTerms]
"""From what a network gives for a batch to the terms of its loss."""
