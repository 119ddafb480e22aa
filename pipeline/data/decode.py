"""Bytes of an image file to RGB pixels, no larger than needed."""

import io

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

Image.init()
_OPENERS = Image.OPEN
_EXIF_ORIENTATION = 274
_EXIF_MARKER = b"Exif\x00\x00"
_UPRIGHT = (0, 1)
_JPEG_START = b"\xff\xd8\xff"
# A copy less than this much too large is kept as it is: another resize would cost as much time as decoding did, and
# some of the sharpness, while the crop reduces it anyway.
KEEP_RATIO = 1.3
# By content, whatever the file is called. Pillow knows more formats; one of them (EPS) is a program that another
# program runs, which a file of a data set must never start.
FORMATS = tuple(
    name for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000") if name in _OPENERS
)
# Where Pillow stops: a header of a few bytes may promise an image that fills the memory.
MAX_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)


def decode_rgb(data: bytes, short_side_px: int) -> np.ndarray:
    """Decode to [H, W, 3] uint8, upright by its EXIF tag, with a short side of 1 to 1.3 times `short_side_px`.

    Images that are smaller keep their size. Raises whatever the decoder raises on bad bytes.
    """
    if not data:
        raise ValueError("no image bytes")
    if data[:3] == _JPEG_START and not _needs_turning(data):
        high, wide, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        height, width = int(high), int(wide)
        if height * width > MAX_PIXELS:
            raise ValueError(f"the image is {width} x {height} pixels; at most {MAX_PIXELS} are read")
        if colorspace == "YCbCr":
            # libjpeg leaves out half, or three quarters, of each 8x8 block straight from the DCT coefficients. Its
            # other fractions (7/8 ...) have no vector code and are slower than decoding everything.
            factor = next((f for f in (8, 4, 2) if min(height, width) // f >= short_side_px), 1)
            pixels = simplejpeg.decode_jpeg(
                data, colorspace="RGB", min_height=height // factor, min_width=width // factor
            )
            return shrink(pixels, short_side_px)
    with _opened(data) as image:
        return shrink(_to_rgb(ImageOps.exif_transpose(image)), short_side_px)


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        message = f"no image that can be read ({', '.join(FORMATS)}); the bytes start with {data[:16]!r}"
        raise UnidentifiedImageError(message) from None


def _needs_turning(data: bytes) -> bool:
    """Whether a JPEG's EXIF tag says that it was stored lying down. Few files have one, and Pillow takes a while."""
    if _EXIF_MARKER not in data:
        return False
    with _opened(data) as image:
        return image.getexif().get(_EXIF_ORIENTATION, 1) not in _UPRIGHT


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255, which turns a 16-bit scan white
        grey = np.round(np.asarray(image) / 257).astype(np.uint8)  # 65535 / 255
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):  # Pillow clips at 255 here too, and nothing says which value is white
        raise ValueError(f"{image.mode} pixels of 32 bits have no white level; convert the image to 8 or 16 bits")
    return np.asarray(image.convert("RGB"))


def shrink(pixels: np.ndarray, short_side_px: int) -> np.ndarray:
    """Reduce [H, W, 3] so that the short side is `short_side_px`, aspect kept, if it is much larger; never enlarge."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short <= KEEP_RATIO * short_side_px:
        return np.ascontiguousarray(pixels)
    scale = short_side_px / short
    size = (max(short_side_px, round(width * scale)), max(short_side_px, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
