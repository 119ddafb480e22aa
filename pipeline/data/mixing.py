"""Making a batch out of two orders of itself, by blending or by pasting: what the mixing strategies share."""

import math
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from pipeline.types import Batch


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; ends are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return (self.bottom - self.top) * (self.right - self.left)


def _blend(x: Tensor, weight: float, partner: Tensor) -> Tensor:
    return weight * x + (1.0 - weight) * x[partner]


def _with_images(images: Tensor, batch: Batch, weight: float, partner: Tensor) -> Batch:
    """Mixed images with what the loss needs to know of the mixture."""
    weights = None if batch.weights is None else _blend(batch.weights, weight, partner)
    return replace(batch, images=images, targets=_blend(batch.targets, weight, partner), weights=weights)


def blend_pairs(batch: Batch, weight: float, partner: Tensor) -> Batch:
    """Blend every sample i with sample partner[i].  partner: [N] int64, a permutation."""
    return _with_images(_blend(batch.images, weight, partner), batch, weight, partner)


def box_around(centre_y: int, centre_x: int, share: float, height: int, width: int) -> Box:
    """A box of this share of the image (in [0, 1]) and of its shape, cut off at the borders."""
    side = math.sqrt(share)
    box_height, box_width = int(height * side), int(width * side)
    top, left = centre_y - box_height // 2, centre_x - box_width // 2
    return Box(max(top, 0), min(top + box_height, height), max(left, 0), min(left + box_width, width))


def draw_box(rng: np.random.Generator, alpha: float, height: int, width: int) -> Box:
    """Share 1 - Beta(alpha, alpha), centre anywhere in the image.  Draws three numbers."""
    share = 1.0 - float(rng.beta(alpha, alpha))
    return box_around(int(rng.integers(0, height)), int(rng.integers(0, width)), share, height, width)


def paste_box(batch: Batch, box: Box, partner: Tensor) -> Batch:
    """Put the box of sample partner[i] into every sample i; targets by the pixels that each image really gets.

    partner: [N] int64, a permutation.
    """
    height, width = batch.images.shape[-2:]
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    images = batch.images.clone()
    images[:, :, rows, columns] = batch.images[partner, :, rows, columns]
    return _with_images(images, batch, 1.0 - box.area / (height * width), partner)
