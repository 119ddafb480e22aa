"""A few random operations, all of one magnitude: what RandAugment does to an image (arXiv:1909.13719)."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.auto_ops import ENHANCING, GEOMETRIC, AutoOp, Space, apply_ops, drawn, softened
from pipeline.data.ops import Colour, Interpolation

NUM_LEVELS = 31
SPACE = Space(
    names=("Identity", *GEOMETRIC, *ENHANCING, "Posterize", "Solarize", "AutoContrast", "Equalize"),
    shear=0.3,
    translate_frac=150.0 / 331.0,  # AutoAugment's 150 of 331 pixels
    translate_px=None,
    rotate_deg=30.0,
    enhance=0.9,
    most_bits=8,
    fewest_bits=4,
)


def draw_ops(num_ops: int, magnitude: int, image: np.ndarray, rng: np.random.Generator) -> list[AutoOp]:
    """The operations of one image."""
    return [
        drawn(SPACE, SPACE.names[rng.integers(len(SPACE.names))], magnitude, NUM_LEVELS, image, rng)
        for _ in range(num_ops)
    ]


@dataclass(frozen=True, slots=True)
class ApplyRandomOps:
    """Draws operations for each image."""

    num_ops: int
    magnitude: int
    interpolation: Interpolation
    fill: Colour
    name: str = "rand_augment"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        ops = softened(draw_ops(self.num_ops, self.magnitude, image, rng), strength, rng)
        return apply_ops(image, ops, self.interpolation, self.fill)
