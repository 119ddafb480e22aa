"""Pixel operations that several augmentations share, on [H, W, 3] uint8 images.

Thin wrappers around torchvision's functions, bit for bit what they give; OpenCV does the two convolutions, which it
does 10 to 30 times faster. Nothing here draws, writes into the given image, or keeps state: threads call it at once.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

Interpolation = Literal["nearest", "bilinear"]
Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int


def functional() -> Any:
    """Functions of torchvision. Imported late: it takes a second, which workers that augment nothing need not pay."""
    from torchvision.transforms.v2 import functional as module

    return module


def to_tensor(image: np.ndarray) -> Tensor:
    """[H, W, 3] -> [3, H, W], in the memory layout that torchvision's operations are fastest on."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).contiguous()


def to_array(image: Tensor) -> np.ndarray:
    """[3, H, W] -> [H, W, 3]."""
    return image.permute(1, 2, 0).numpy()


def colour_of(mean_rgb: tuple[float, float, float]) -> Colour:
    """The colour that normalization turns into zeros.  mean_rgb: 0 to 1."""
    red, green, blue = (round(255 * value) for value in mean_rgb)
    return red, green, blue


def rotated(image: np.ndarray, angle_deg: float, interpolation: Interpolation, fill: Colour) -> np.ndarray:
    """Turned counter-clockwise around its centre; the corners that come into view get the colour `fill`."""
    mode = functional().InterpolationMode(interpolation)
    return to_array(functional().rotate(to_tensor(image), angle_deg, interpolation=mode, fill=[float(v) for v in fill]))


def grey(image: np.ndarray) -> np.ndarray:
    """Luma in all three channels."""
    return to_array(functional().rgb_to_grayscale(to_tensor(image), num_output_channels=3))


def blurred(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Convolved with a Gaussian, cut off at 3 sigma, edges mirrored.

    As torchvision's gaussian_blur up to rounding (one grey level where the sum is half way between two).
    """
    radius = max(1, math.ceil(3 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    kernel = (weights / weights.sum()).astype(np.float32)
    exact = cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.rint(exact).astype(np.uint8)


def sharpened(image: Tensor, factor: float) -> Tensor:
    """Away from (above 1) or towards (below 1) a smoothed copy.  image: [3, H, W] uint8.

    torchvision's adjust_sharpness, bit for bit. Its smoothing is (sum of the 3x3 + 4 centre) / 13, rounded: integers,
    which no order of summing changes.
    """
    if min(image.shape[1:]) <= 2:
        return image  # no pixel has all eight neighbours
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    sums = cv2.boxFilter(pixels, cv2.CV_16U, (3, 3), normalize=False) + 4 * pixels.astype(np.uint16)
    smooth = torch.from_numpy(((2 * sums + 13) // 26).astype(np.float32)).permute(2, 0, 1)
    output = image.to(torch.float32)
    inner = output[:, 1:-1, 1:-1]
    inner.add_(smooth[:, 1:-1, 1:-1] - inner, alpha=1.0 - factor)
    return output.clamp_(0, 255).to(torch.uint8)


def erased(image: np.ndarray, box: Box, value: Colour | np.ndarray) -> np.ndarray:
    """A copy with a rectangle painted over.  value: a colour, or [height, width, 3] uint8."""
    copy = image.copy()
    copy[box.top : box.top + box.height, box.left : box.left + box.width] = value
    return copy
