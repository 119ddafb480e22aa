"""Where to crop, and how to cut and resize: the base augmentation on uint8 pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from pipeline.data.draws import uniforms
from pipeline.data.index import Flip
from pipeline.data.plan import PlannedBatch
from pipeline.spec.base import derive_seed
from pipeline.spec.data import DataSpec, FullImage, PadAndCrop, RandomResizedCrop, Triple

NUM_TRIES = 10  # torchvision.transforms.RandomResizedCrop.get_params tries as often before it falls back


@dataclass(frozen=True, slots=True)
class Crops:
    """A box and a mirror flag for each image."""

    top: np.ndarray  # [n] int64, pixels
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray
    flip: np.ndarray  # [n] bool


def central_crops(heights: np.ndarray, widths: np.ndarray, frac: float) -> Crops:
    """The central square whose side is `frac` of the short side.  heights, widths: [n] int64."""
    side = np.maximum(1, np.round(np.minimum(heights, widths) * frac)).astype(np.int64)
    top, left = (heights - side) // 2, (widths - side) // 2
    return Crops(top, left, side, side, np.zeros(len(heights), dtype=bool))


def random_resized_crops(draws: np.ndarray, heights: np.ndarray, widths: np.ndarray, spec: RandomResizedCrop) -> Crops:
    """Boxes with the distribution of torchvision's RandomResizedCrop.

    draws: [n, 4 * NUM_TRIES] in [0, 1). Each try takes an area, an aspect (log-uniform), a top and a left; the
    first try that fits wins, else the largest central box within the aspect limits.
    """
    n = len(heights)
    area_u, aspect_u, top_u, left_u = np.moveaxis(draws.reshape(n, NUM_TRIES, 4), 2, 0)
    h, w = heights[:, None].astype(np.float64), widths[:, None].astype(np.float64)
    area = h * w * (spec.min_area_frac + (spec.max_area_frac - spec.min_area_frac) * area_u)
    low, high = math.log(spec.min_aspect), math.log(spec.max_aspect)
    aspect = np.exp(low + (high - low) * aspect_u)
    crop_w = np.round(np.sqrt(area * aspect)).astype(np.int64)
    crop_h = np.round(np.sqrt(area / aspect)).astype(np.int64)
    fits = (crop_w > 0) & (crop_h > 0) & (crop_w <= widths[:, None]) & (crop_h <= heights[:, None])
    first = np.argmax(fits, axis=1)
    pick = (np.arange(n), first)
    crop_h, crop_w = crop_h[pick], crop_w[pick]
    top = np.floor(top_u[pick] * (heights - crop_h + 1)).astype(np.int64)
    left = np.floor(left_u[pick] * (widths - crop_w + 1)).astype(np.int64)

    none = ~fits[pick]
    ratio = widths / heights
    fall_w = np.where(ratio > spec.max_aspect, np.round(heights * spec.max_aspect), widths).astype(np.int64)
    fall_h = np.where(ratio < spec.min_aspect, np.round(widths / spec.min_aspect), heights).astype(np.int64)
    crop_h, crop_w = np.where(none, fall_h, crop_h), np.where(none, fall_w, crop_w)
    top = np.where(none, (heights - crop_h) // 2, top)
    left = np.where(none, (widths - crop_w) // 2, left)
    return Crops(top, left, crop_h, crop_w, np.zeros(n, dtype=bool))


def border_px(short_side: np.ndarray, crop: PadAndCrop) -> np.ndarray:
    """Width of the border around an image, pixels.  short_side: [n] int64."""
    return np.round(crop.pad_frac * short_side).astype(np.int64)


def bordered(images: Sequence[np.ndarray], crop: PadAndCrop, mean_rgb: Triple) -> list[np.ndarray]:
    """Images [H, W, 3] uint8 with their border, [H + 2 b, W + 2 b, 3] each."""
    fill = tuple(round(255 * value) for value in mean_rgb)
    kind = cv2.BORDER_REFLECT_101 if crop.fill == "reflect" else cv2.BORDER_CONSTANT
    widths = border_px(np.asarray([min(image.shape[:2]) for image in images], dtype=np.int64), crop).tolist()
    return [cv2.copyMakeBorder(image, b, b, b, b, kind, value=fill) for image, b in zip(images, widths, strict=True)]


def padded_crops(
    draws: np.ndarray, heights: np.ndarray, widths: np.ndarray, crop: PadAndCrop, strength: float
) -> Crops:
    """Boxes in images with their border, as torchvision's RandomCrop with padding: every place is as likely.

    Args:
        draws: [n, 2] in [0, 1).
        heights: [n] int64, of the images without their border, pixels.
        widths: the same.
        crop: the border.
        strength: 0 to 1; the share of the border that is used.
    """
    side = np.minimum(heights, widths)
    border = border_px(side, crop)
    used = np.round(strength * border).astype(np.int64)

    def start(draw: np.ndarray, length: np.ndarray) -> np.ndarray:
        return border - used + np.floor(draw * (length + 2 * used - side + 1)).astype(np.int64)

    return Crops(start(draws[:, 0], heights), start(draws[:, 1], widths), side, side, np.zeros(len(side), dtype=bool))


def train_crops(spec: DataSpec, seed: int, batch: PlannedBatch, heights: np.ndarray, widths: np.ndarray) -> Crops:
    """The crops of one batch: a pure function of (seed, epoch, sample key).

    heights, widths: [n] int64, of the prepared images, pixels; boxes of PadAndCrop lie in the bordered ones.
    """
    crop, strength = spec.augment.crop, batch.augment_strength
    stream = derive_seed(seed, "crop", batch.epoch)
    match crop:
        case RandomResizedCrop():
            draws = uniforms(stream, batch.keys, 4 * NUM_TRIES)
            crops = random_resized_crops(draws, heights, widths, softened(crop, strength))
        case PadAndCrop():
            crops = padded_crops(uniforms(stream, batch.keys, 2), heights, widths, crop, strength)
        case FullImage():
            crops = central_crops(heights, widths, spec.eval_crop_frac)
    flip = mirrored(spec.augment.horizontal_flip_prob, batch.flip, seed, batch.epoch, batch.keys)
    return Crops(crops.top, crops.left, crops.height, crops.width, flip)


def softened(crop: RandomResizedCrop, strength: float) -> RandomResizedCrop:
    """The crop at part of its strength: areas and aspects move towards the full image as it tends to 0."""
    if strength == 1.0:
        return crop
    return RandomResizedCrop(
        min_area_frac=crop.min_area_frac**strength,
        max_area_frac=crop.max_area_frac**strength,
        min_aspect=crop.min_aspect**strength,
        max_aspect=crop.max_aspect**strength,
    )


def mirrored(prob: float, flip: Flip, seed: int, epoch: int, keys: np.ndarray) -> np.ndarray:
    """[n] bool. `alternating` (Jordan 2024, arXiv:2404.00498): a coin in the first epoch, the other side in the next.

    With two epochs a network then sees every image both ways, instead of half of them twice the same way. A
    probability other than 0.5 decides who takes part: the share 2 p of the images (all above 0.5) alternates.
    """
    if flip == "random":
        return uniforms(derive_seed(seed, "flip", epoch), keys, 1)[:, 0] < prob
    side, takes_part = uniforms(derive_seed(seed, "flip", "alternating"), keys, 2).T
    return ((side < 0.5) ^ (epoch % 2 == 1)) & (takes_part < 2 * prob)


def eval_crops(spec: DataSpec, heights: np.ndarray, widths: np.ndarray) -> Crops:
    """The central crop used on val and test."""
    return central_crops(heights, widths, spec.eval_crop_frac)


def cut(images: Sequence[np.ndarray], crops: Crops, out: np.ndarray) -> None:
    """Crop i of images[i] [H, W, 3] uint8, resized to the size of out [N, size, size, 3], mirrored where asked."""
    size = out.shape[1]
    boxes = zip(*(column.tolist() for column in (crops.top, crops.left, crops.height, crops.width)), strict=True)
    for image, (top, left, height, width), flip, target in zip(images, boxes, crops.flip.tolist(), out, strict=True):
        resized = resize(image[top : top + height, left : left + width], size)
        if flip:
            cv2.flip(resized, 1, dst=target)
        else:
            target[...] = resized


def resize(patch: np.ndarray, size_px: int) -> np.ndarray:
    """[H, W, 3] uint8 to [size_px, size_px, 3]: bilinear, antialiased where it shrinks, as torchvision does it."""
    if max(patch.shape[:2]) <= size_px:  # nothing shrinks: OpenCV has less overhead, which counts on small images
        return cv2.resize(patch, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    pixels = torch.from_numpy(patch).unsqueeze(0).permute(0, 3, 1, 2)  # channels last in memory, which has a fast path
    resized = interpolate(pixels, (size_px, size_px), mode="bilinear", antialias=True)
    return resized.permute(0, 2, 3, 1).numpy()[0]
