"""Bytes of an image file to RGB pixels, no larger than needed."""

import io

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps

_EXIF_ORIENTATION = 274
_UPRIGHT = (0, 1)


def decode_rgb(data: bytes, short_side_px: int) -> np.ndarray:
    """Decode to [H, W, 3] uint8, upright by its EXIF tag, with the short side reduced to `short_side_px`.

    Smaller images keep their size. Raises whatever the decoder raises on bad bytes.
    """
    with Image.open(io.BytesIO(data)) as image:  # reads the header only
        plain = image.format == "JPEG" and image.mode == "RGB" and image.getexif().get(_EXIF_ORIENTATION, 1) in _UPRIGHT
        if not plain:
            return shrink(_to_rgb(ImageOps.exif_transpose(image)), short_side_px)
    # libjpeg can decode at 1/2, 1/4 or 1/8 straight from the DCT coefficients: twice as fast on photographs.
    pixels = simplejpeg.decode_jpeg(data, colorspace="RGB", min_height=short_side_px, min_width=short_side_px)
    return shrink(pixels, short_side_px)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255, which turns a 16-bit scan white
        grey = np.round(np.asarray(image) / 257).astype(np.uint8)  # 65535 / 255
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def shrink(pixels: np.ndarray, short_side_px: int) -> np.ndarray:
    """Reduce [H, W, 3] so that the short side is `short_side_px`, aspect kept; never enlarge."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short <= short_side_px:
        return np.ascontiguousarray(pixels)
    scale = short_side_px / short
    size = (max(short_side_px, round(width * scale)), max(short_side_px, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
