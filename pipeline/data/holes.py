"""A square hole in an image: what cutout does to it (arXiv:1708.04552)."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.ops import Box, Colour, erased


def hole_around(y: int, x: int, side: int, height: int, width: int) -> Box:
    """The square of this side around a pixel, as far as it lies in the image."""
    top, left = y - side // 2, x - side // 2
    bottom, right = min(top + side, height), min(left + side, width)
    top, left = max(top, 0), max(left, 0)
    return Box(top, left, bottom - top, right - left)


@dataclass(frozen=True, slots=True)
class CutHole:
    """Draws a centre for each image."""

    side_frac: float
    mean: Colour
    name: str = "cutout"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        height, width = image.shape[:2]
        y, x = int(rng.integers(height)), int(rng.integers(width))
        side = round(self.side_frac * strength * min(height, width))
        return erased(image, hole_around(y, x, side, height, width), self.mean)
