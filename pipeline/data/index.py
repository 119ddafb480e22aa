"""The training samples before any batch is planned, and how an epoch is drawn. No torch: data tasks read this."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Flip = Literal["random", "alternating"]
"""How an image comes to be mirrored: by chance each epoch, or by chance in the first and in turns from there on."""


View = Literal["labelled", "weak", "strong"]
"""What an image of training is shown for: to learn its label, or (without one) to compare two views of it."""


@dataclass(frozen=True, slots=True)
class PoolRows:
    """Unlabelled images. There are no labels here that a strategy could peek at."""

    rows: np.ndarray  # [m] int64, row in the prepared data
    keys: np.ndarray  # [m] uint64, as for training samples

    @classmethod
    def empty(cls) -> "PoolRows":
        """No such images."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64))


@dataclass(frozen=True, slots=True)
class TrainIndex:
    """The training rows of a data set, before any batch is planned."""

    rows: np.ndarray  # [n] int64, row in the prepared data
    keys: np.ndarray  # [n] uint64, hash of the stable sample id: what per-sample draws are keyed by
    labels: np.ndarray  # [n] int64
    num_classes: int
    pool: PoolRows = field(default_factory=PoolRows.empty)  # unlabelled images that may be learnt from beside them


def without_labels(index: TrainIndex) -> TrainIndex:
    """Training images and pool as one: each with label 0, so that nobody who trains on it can peek."""
    rows, keys = np.concatenate([index.rows, index.pool.rows]), np.concatenate([index.keys, index.pool.keys])
    return TrainIndex(rows, keys, np.zeros(len(rows), dtype=np.int64), index.num_classes)


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How one epoch is drawn. Strategies return an edited copy."""

    epoch: int
    image_size_px: int
    batch_size: int  # global
    num_repeats: int = 1  # copies of each sample in a step, each cropped and augmented on its own
    class_balance: float = 0.0  # samples are drawn by count(class)^-this; 0: each once, 1: all classes alike
    augment_strength: float = 1.0  # 0: the evaluation's view of the image, 1: as configured
    flip: Flip = "random"
    num_views: int = 1  # pictures of each sample in its batch, each cropped and augmented on its own
    lr_scale: float = 1.0  # times the schedule's rate
    pool_ratio: int = 0  # unlabelled images for each labelled one, each in a weak and in a strong view

    @property
    def batches_per_shard(self) -> int:
        """Planned batches that make one shard of a step: the labelled one, and the views that go with it."""
        return 3 if self.pool_ratio else 1

    @property
    def images_per_step(self) -> int:
        """Labelled and unlabelled, each once however many views it has."""
        return self.batch_size * (1 + self.pool_ratio)
