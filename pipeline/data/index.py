"""The training samples before any batch is planned, and how an epoch is drawn. No torch: data tasks read this."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class TrainIndex:
    """The training rows of a data set, before any batch is planned."""

    rows: np.ndarray  # [n] int64, row in the prepared data
    keys: np.ndarray  # [n] uint64, hash of the stable sample id: what per-sample draws are keyed by
    labels: np.ndarray  # [n] int64
    num_classes: int


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How one epoch is drawn. Strategies return an edited copy."""

    epoch: int
    image_size_px: int
