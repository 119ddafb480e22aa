"""A planned batch to pixels: the one function that crops, whoever calls it."""

from collections.abc import Callable

import numpy as np

from pipeline.data.crops import cut, eval_crops, train_crops
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepare import BlockPixels, Prepared
from pipeline.spec.data import DataSpec


def render(
    batch: PlannedBatch, spec: DataSpec, seed: int, prepared: Prepared, block: Callable[[int], BlockPixels]
) -> np.ndarray:
    """Gather, crop, resize and mirror.  `block(i)` gives prepared block i.  Returns [N, size, size, 3] uint8."""
    numbers, places = prepared.block_of_row[batch.rows], prepared.place_in_block[batch.rows]
    sources = [block(int(number)) for number in numbers]
    heights = np.asarray([s.heights[p] for s, p in zip(sources, places, strict=True)], dtype=np.int64)
    widths = np.asarray([s.widths[p] for s, p in zip(sources, places, strict=True)], dtype=np.int64)
    if batch.role == "train":
        crops = train_crops(spec.augment, spec.eval_crop_frac, seed, batch.epoch, batch.keys, heights, widths)
    else:
        crops = eval_crops(spec, heights, widths)
    out = np.empty((len(batch.rows), batch.size_px, batch.size_px, 3), dtype=np.uint8)
    for i, (source, place) in enumerate(zip(sources, places, strict=True)):
        cut(source.image(place), crops, i, batch.size_px, out[i])
    return out
