"""A heat map as a small picture that a browser stretches over an image."""

import struct
import zlib

import numpy as np

# Thirteen evenly spaced colours of matplotlib's `inferno` (Smith and van der Walt, CC0): lightness rises evenly, so
# that the map reads the same to someone who is colour-blind and on grey paper.
RAMP = (
    (0, 0, 4), (17, 10, 48), (50, 10, 94), (87, 16, 110), (120, 28, 109), (154, 40, 101), (188, 55, 84),
    (216, 76, 62), (237, 105, 37), (249, 140, 10), (252, 180, 24), (244, 223, 83), (252, 255, 164),
)  # fmt: skip
OPACITY = (0.3, 0.6)  # where there is no evidence, and where there is most: the image must stay visible below both


def palette() -> tuple[np.ndarray, np.ndarray]:
    """[256, 3] uint8 colours and [256] uint8 opacities."""
    ramp, places = np.asarray(RAMP, dtype=np.float64), np.linspace(0, 255, len(RAMP))
    colours = np.stack([np.interp(np.arange(256), places, ramp[:, channel]) for channel in range(3)], axis=1)
    opacity = 255 * np.linspace(*OPACITY, 256)
    return colours.round().astype(np.uint8), opacity.round().astype(np.uint8)


def heat_png(heat: np.ndarray) -> bytes:
    """A PNG with one pixel for each place.  heat: [h, w] uint8.

    PNG specification (W3C, third edition): an 8-bit palette with opacities, rows without a filter.
    """
    colours, opacity = palette()
    height, width = heat.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), heat.astype(np.uint8)], axis=1)  # each with its filter type
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours.tobytes()),
        (b"tRNS", opacity.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
