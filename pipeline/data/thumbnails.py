"""Small pictures of validation images, made once for a data set: what a report shows when it speaks of an image."""

import io

import numpy as np
from PIL import Image

from pipeline.data.crops import central_crops, cut
from pipeline.data.handle import DataHandle
from pipeline.data.plan import EvalRows
from pipeline.data.prepared import PixelReader

MAX_IMAGES = 512
SIDE_PX = 96
LOSSLESS_UP_TO_PX = 32  # pictures this small are looked at pixel by pixel
WEBP_QUALITY = 75


def sample_positions(split: EvalRows, max_images: int) -> np.ndarray:
    """[n] int64: which images of a split stand for it, in the order of the hash of their ids.

    The same for every run on these data, and a smaller sample is the beginning of a larger one.
    """
    return np.argsort(split.keys, kind="stable")[:max_images]


def make_thumbnails(data: DataHandle, max_images: int = MAX_IMAGES) -> dict[str, np.ndarray]:
    """Central squares of validation images as WebP files, one after the other.

    Args:
        data: prepared.
        max_images: of the sample.

    Returns:
        `id` [n] text, `side_px` [n] int64, `start` [n + 1] int64 and `webp` [bytes] uint8: picture i is
        webp[start[i]:start[i + 1]].
    """
    split = data.evals["val"]
    rows = split.rows[sample_positions(split, max_images)]
    reader = PixelReader(data.prepared)
    files: list[bytes] = []
    sides: list[int] = []
    for row in rows:
        (image,) = reader.images(np.asarray([row]))
        height, width = image.shape[:2]
        side = min(SIDE_PX, height, width)
        square = np.empty((1, side, side, 3), dtype=np.uint8)
        cut([image], central_crops(np.asarray([height]), np.asarray([width]), 1.0), square)
        buffer = io.BytesIO()
        Image.fromarray(square[0]).save(buffer, "WEBP", lossless=side <= LOSSLESS_UP_TO_PX, quality=WEBP_QUALITY)
        files.append(buffer.getvalue())
        sides.append(side)
    return {
        "id": np.asarray([data.ids[row] for row in rows]),
        "side_px": np.asarray(sides, dtype=np.int64),
        "start": np.cumsum([0, *map(len, files)], dtype=np.int64),
        "webp": np.frombuffer(b"".join(files), dtype=np.uint8),
    }
