"""A planned batch to pixels: the one function that crops, whoever calls it."""

from collections.abc import Sequence

import numpy as np

from pipeline.data.crops import bordered, cut, eval_crops, train_crops
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import PixelReader
from pipeline.data.transforms import RowTransform, transform_rows
from pipeline.spec.data import DataSpec, PadAndCrop


def render(
    batch: PlannedBatch, spec: DataSpec, transforms: Sequence[RowTransform], seed: int, reader: PixelReader
) -> np.ndarray:
    """Gather, crop, resize and mirror; training images then go through the transforms.

    Returns: [N, size, size, 3] uint8.
    """
    images = reader.images(batch.rows)
    heights, widths = np.asarray([image.shape[:2] for image in images], dtype=np.int64).reshape(-1, 2).T
    if batch.role == "train":
        crops = train_crops(spec, seed, batch, heights, widths)
        if isinstance(spec.augment.crop, PadAndCrop):
            images = bordered(images, spec.augment.crop, spec.mean)
    else:
        crops = eval_crops(spec, heights, widths)
    out = np.empty((len(images), batch.size_px, batch.size_px, 3), dtype=np.uint8)
    cut(images, crops, out)
    return transform_rows(out, batch, transforms, seed) if batch.role == "train" else out
