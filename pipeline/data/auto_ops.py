"""The named operations that learned and random augmentation policies choose from, and how far each of them goes.

Names and the meaning of a magnitude are torchvision's (transforms.v2.AutoAugment and its kin): a shear's tangent,
pixels, degrees, an enhancement's distance from 1, bits that are kept, or a threshold as a share of white.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pipeline.data.ops import Colour, Interpolation, functional, sharpened, to_array, to_tensor

GEOMETRIC = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
ENHANCING = ("Brightness", "Color", "Contrast", "Sharpness")
SIGNED = frozenset((*GEOMETRIC, *ENHANCING))
# What has no magnitude, or already turns white into black at its smallest: made rarer instead of weaker.
SWITCHED = frozenset(("Solarize", "AutoContrast", "Equalize", "Invert"))
FULL_BITS = 8


@dataclass(frozen=True, slots=True)
class AutoOp:
    """An operation as it was drawn."""

    name: str
    magnitude: float = 0.0


@dataclass(frozen=True, slots=True)
class Space:
    """Operations to draw from, and the largest magnitude of each."""

    names: tuple[str, ...]
    shear: float  # tangent
    translate_frac: float  # of the side
    translate_px: float | None  # pixels whatever the side, instead
    rotate_deg: float
    enhance: float  # distance of the factor from 1
    most_bits: int  # kept by Posterize at its smallest magnitude
    fewest_bits: int


@lru_cache(maxsize=1024)
def magnitudes(space: Space, name: str, num_levels: int, height: int, width: int) -> tuple[float, ...]:
    """Of every level, unsigned; zeros for an operation without one.  height, width: of the image, pixels."""
    if name == "Posterize":
        each = (num_levels - 1) / (space.most_bits - space.fewest_bits)
        return tuple((space.most_bits - torch.arange(num_levels) / each).round().int().tolist())
    if name == "Solarize":
        return _even(1.0, 0.0, num_levels)
    if name.startswith("Shear"):
        return _even(0.0, space.shear, num_levels)
    if name.startswith("Translate"):
        side = width if name == "TranslateX" else height
        return _even(0.0, space.translate_frac * side if space.translate_px is None else space.translate_px, num_levels)
    if name == "Rotate":
        return _even(0.0, space.rotate_deg, num_levels)
    return _even(0.0, space.enhance, num_levels) if name in ENHANCING else (0.0,) * num_levels


def _even(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(torch.linspace(first, last, count).tolist())  # torch's rounding to float32, as torchvision has it


def drawn(space: Space, name: str, level: int, num_levels: int, image: np.ndarray, rng: np.random.Generator) -> AutoOp:
    """The operation at this level, and to which side it goes."""
    magnitude = magnitudes(space, name, num_levels, image.shape[0], image.shape[1])[level]
    if name in SIGNED and rng.random() <= 0.5:
        magnitude = -magnitude
    return AutoOp(name, magnitude)


def softened(ops: Sequence[AutoOp], strength: float, rng: np.random.Generator) -> list[AutoOp]:
    """The operations at part of their strength. At 1 they are as they were drawn; at 0 none is left.

    Magnitudes shrink in proportion; what cannot be weaker stays with probability `strength`.
    """
    if strength == 1.0:
        return list(ops)
    left = []
    for op in ops:
        if op.name in SWITCHED:
            if rng.random() < strength:
                left.append(op)
        elif op.name == "Posterize":
            left.append(AutoOp(op.name, float(round(FULL_BITS - (FULL_BITS - op.magnitude) * strength))))
        elif strength:
            left.append(AutoOp(op.name, op.magnitude * strength))
    return left


def apply_ops(image: np.ndarray, ops: Sequence[AutoOp], interpolation: Interpolation, fill: Colour) -> np.ndarray:
    """One operation after the other.  image: [H, W, 3] uint8; `fill`: where no pixel of the image lands."""
    pixels = to_tensor(image)
    for op in ops:
        pixels = apply_op(pixels, op, interpolation, fill)
    return to_array(pixels)


def apply_op(image: Tensor, op: AutoOp, interpolation: Interpolation, fill: Colour) -> Tensor:
    """[3, H, W] uint8 -> the same, as torchvision's policies do it."""
    f, amount = functional(), op.magnitude
    mode, colour = f.InterpolationMode(interpolation), [float(v) for v in fill]

    def affine(shift: tuple[int, int], shear: tuple[float, float], center: list[float] | None) -> Tensor:
        how = {"interpolation": mode, "fill": colour, "center": center}
        return f.affine(image, angle=0.0, translate=list(shift), scale=1.0, shear=list(shear), **how)

    match op.name:
        case "Identity":
            return image
        case "ShearX":
            return affine((0, 0), (math.degrees(math.atan(amount)), 0.0), [0, 0])
        case "ShearY":
            return affine((0, 0), (0.0, math.degrees(math.atan(amount))), [0, 0])
        case "TranslateX":
            return affine((int(amount), 0), (0.0, 0.0), None)
        case "TranslateY":
            return affine((0, int(amount)), (0.0, 0.0), None)
        case "Rotate":
            return f.rotate(image, angle=amount, interpolation=mode, fill=colour)
        case "Brightness":
            return f.adjust_brightness(image, brightness_factor=1.0 + amount)
        case "Color":
            return f.adjust_saturation(image, saturation_factor=1.0 + amount)
        case "Contrast":
            return f.adjust_contrast(image, contrast_factor=1.0 + amount)
        case "Sharpness":
            return sharpened(image, 1.0 + amount)
        case "Posterize":
            return f.posterize(image, bits=int(amount))
        case "Solarize":
            return f.solarize(image, threshold=255 * amount)
        case "AutoContrast":
            return f.autocontrast(image)
        case "Equalize":
            return f.equalize(image)
        case "Invert":
            return f.invert(image)
    raise AssertionError(f"no operation is named {op.name!r}")
