"""What a strategy may do to one training image after its crop, in a thread or in a Ray Data task alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.data.index import View
from pipeline.data.plan import PlannedBatch
from pipeline.spec.base import derive_seed


class RowTransform(Protocol):
    """A picklable operation on one image."""

    @property
    def name(self) -> str:
        """Names its random stream: the kind of the strategy."""
        ...

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
        """Return the edited image; never write into the given one.

        Args:
            image: [H, W, 3] uint8.
            rng: of this sample in this epoch; whoever runs it, and in whatever order, it is the same.
            strength: 0 (leave the image alone) to 1 (as configured): gradual augmentation turns it up.
        """
        ...


@dataclass(frozen=True, slots=True)
class ForView:
    """A transform for images of one view only; any other transform is for labelled images only."""

    view: View
    inner: RowTransform

    @property
    def name(self) -> str:
        """Of its random stream; with the view, since a labelled image may go through the same transform."""
        return f"{self.view}/{self.inner.name}"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
        """As the inner transform."""
        return self.inner(image, rng, strength)


def transform_rows(
    images: np.ndarray, batch: PlannedBatch, transforms: Sequence[RowTransform], seed: int
) -> np.ndarray:
    """Every image through every transform of its view, in their order.  images: [N, H, W, 3] uint8, edited in place."""
    for transform in transforms:
        if (transform.view if isinstance(transform, ForView) else "labelled") != batch.view:
            continue
        stream = derive_seed(seed, transform.name, batch.epoch)
        for i, key in enumerate(batch.keys.tolist()):
            images[i] = transform(images[i], np.random.default_rng([stream, key]), batch.augment_strength)
    return images
