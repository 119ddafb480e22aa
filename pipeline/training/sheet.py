"""The first training batch of each image size as the network got it, and what the loss was told about each image."""

import io
import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from pipeline.result import BatchPicture
from pipeline.spec.pictures import BatchSheet, BatchSheets, SheetTile, TargetShare
from pipeline.types import Batch

NUM_TILES = 8
MAX_TILE_PX = 96
LOSSLESS_UP_TO_PX = 32  # tiles this small are looked at pixel by pixel, and take little room anyway
WEBP_QUALITY = 80
MAX_NAMED = 4  # classes of a mixed target
HIDDEN_GREY = 0.5
WEIGHT_DIGITS = 4  # a share of 1/10,000 is not seen in an image


def caption(target_K: Tensor) -> SheetTile:
    """What the loss is told: the classes above the least weight, and that least weight.  target_K: [K] float."""
    weights = target_K.detach().float().cpu().numpy()
    least = round(float(weights.min()), WEIGHT_DIGITS)
    order = np.argsort(-weights, kind="stable")[:MAX_NAMED]
    named = [(int(label), round(float(weights[label]), WEIGHT_DIGITS)) for label in order]
    shares = tuple(TargetShare(label=label, weight=weight) for label, weight in named if weight > least)
    return SheetTile(targets=shares, each_other=least)


def first_rows(values: Tensor, num_views: int) -> Tensor:
    """Of the first samples, all views of one beside each other.  values: [N, ...], all first views first."""
    by_view = values.unflatten(0, (num_views, -1))[:, : max(1, NUM_TILES // num_views)]
    return by_view.transpose(0, 1).flatten(0, 1)


def hidden(images: Tensor, mask_NP: Tensor) -> Tensor:
    """What a task hides from the network, as grey squares.  images: [N, C, S, S], 0..1; mask_NP: patches row by row."""
    side = math.isqrt(mask_NP.shape[1])
    squares = mask_NP.reshape(-1, 1, side, side).float()
    return torch.where(interpolate(squares, images.shape[-2:]) > 0.5, HIDDEN_GREY, images)


def batch_strip(batch: Batch, mean: Tensor, std: Tensor, epoch: int, *, with_targets: bool = True) -> dict[str, Any]:
    """The first images of a batch side by side, normalization undone, as plain values for a checkpoint.

    Args:
        batch: after the strategies.
        mean: [3], of channels in 0..1.
        std: [3].
        epoch: that it belongs to.
        with_targets: whether the loss reads the targets.

    Returns:
        `sheet`, the JSON of a BatchSheet that begins at 0, and `pixels`, [tile, n * tile, 3] uint8.
    """
    images = first_rows(batch.images.detach().float(), batch.num_views)
    targets = first_rows(batch.targets, batch.num_views)
    size = images.shape[-1]
    tile = min(size, MAX_TILE_PX)
    restored = images * std[:, None, None] + mean[:, None, None]
    if batch.mask is not None:
        restored = hidden(restored, first_rows(batch.mask, batch.num_views))
    if tile < size:
        restored = interpolate(restored, (tile, tile), mode="bilinear", antialias=True)
    pixels = (restored.clamp(0, 1) * 255).round().to(torch.uint8).cpu()  # [n, 3, tile, tile]
    sheet = BatchSheet(
        epoch=epoch,
        image_size_px=size,
        tile_px=tile,
        top_px=0,
        tiles=tuple(caption(target) if with_targets else SheetTile(targets=()) for target in targets),
    )
    row = pixels.permute(2, 0, 3, 1).reshape(tile, len(pixels) * tile, 3)
    return {"sheet": sheet.model_dump_json(), "pixels": row.contiguous()}


def batch_picture(strips: list[dict[str, Any]]) -> BatchPicture | None:
    """All strips one under the other as one picture; None where there are none."""
    if not strips:
        return None
    rows: list[np.ndarray] = [strip["pixels"].numpy() for strip in strips]
    width = max(row.shape[1] for row in rows)
    tops = np.cumsum([0, *(row.shape[0] for row in rows)]).tolist()
    canvas = np.full((tops[-1], width, 3), 255, dtype=np.uint8)
    for top, row in zip(tops, rows, strict=False):
        canvas[top : top + row.shape[0], : row.shape[1]] = row
    sheets = [
        BatchSheet.model_validate_json(strip["sheet"]).model_copy(update={"top_px": top})
        for top, strip in zip(tops, strips, strict=False)
    ]
    lossless = max(sheet.tile_px for sheet in sheets) <= LOSSLESS_UP_TO_PX
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "WEBP", lossless=lossless, quality=WEBP_QUALITY)
    info = BatchSheets(width_px=width, height_px=tops[-1], sheets=tuple(sheets))
    return BatchPicture(buffer.getvalue(), info)
