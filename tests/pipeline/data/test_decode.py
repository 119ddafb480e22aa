import io
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from pipeline.data.decode import decode_rgb, shrink
from tests.pipeline.data.test_crops import photograph

LARGE_PX = 1000  # above every image here: nothing is reduced


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


PHOTO = Image.fromarray(photograph(120, 180))
FILES = {
    "png": encoded(PHOTO, "PNG"),
    "jpeg": encoded(PHOTO, "JPEG", quality=90),
    "progressive jpeg": encoded(PHOTO, "JPEG", quality=80, progressive=True),
    "4:4:4 jpeg": encoded(PHOTO, "JPEG", quality=80, subsampling=0),
    "cmyk jpeg": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "grey jpeg": encoded(PHOTO.convert("L"), "JPEG"),
    "palette png": encoded(PHOTO.quantize(17), "PNG"),
    "grey png": encoded(PHOTO.convert("L"), "PNG"),
    "grey and alpha png": encoded(PHOTO.convert("LA"), "PNG"),
    "rgba png": encoded(PHOTO.convert("RGBA"), "PNG"),
    "1-bit png": encoded(PHOTO.convert("1"), "PNG"),
    "gif": encoded(PHOTO.quantize(9), "GIF"),
    "bmp": encoded(PHOTO, "BMP"),
    "tiff": encoded(PHOTO, "TIFF"),
    "webp": encoded(PHOTO, "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_pillows(name: str) -> None:
    got = decode_rgb(FILES[name], LARGE_PX)
    assert got.dtype == np.uint8
    assert got.flags.c_contiguous
    # libjpeg-turbo is not bound to one rounding of its inverse DCT; one grey level is allowed.
    np.testing.assert_allclose(got.astype(int), by_pillow(FILES[name]).astype(int), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_images_stand_upright_by_their_exif_tag(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(PHOTO, kind, exif=exif.tobytes())
    got = decode_rgb(data, LARGE_PX)
    assert got.shape == ((120, 180, 3) if orientation <= 4 else (180, 120, 3))
    np.testing.assert_allclose(got.astype(int), by_pillow(data).astype(int), atol=1)


def test_sixteen_bits_keep_their_greys() -> None:
    grey = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    data = encoded(Image.fromarray(grey), "PNG")
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert theirs is not None
    expected = theirs.astype(float) / 65535 * 255
    got = decode_rgb(data, LARGE_PX)
    np.testing.assert_allclose(got, np.repeat(expected[:, :, None], 3, axis=2), atol=0.5)


@pytest.mark.parametrize("name", ["jpeg", "png", "grey jpeg", "progressive jpeg", "gif", "tiff"])
@pytest.mark.parametrize("kept_frac", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("short_side_px", [30, LARGE_PX])
def test_truncated_files_raise(name: str, kept_frac: float, short_side_px: int) -> None:
    data = FILES[name]
    with pytest.raises((OSError, ValueError), match=r"."):
        decode_rgb(data[: int(len(data) * kept_frac)], short_side_px)


@pytest.mark.parametrize("data", [b"", b"not an image", b"\xff\xd8\xff\xe0" + bytes(60)])
def test_what_is_no_image_raises(data: bytes) -> None:
    with pytest.raises((OSError, ValueError), match=r"."):
        decode_rgb(data, LARGE_PX)


@pytest.mark.parametrize("name", ["jpeg", "png"])
@pytest.mark.parametrize("short_side_px", [120, 121, 500])
def test_images_are_never_enlarged(name: str, short_side_px: int) -> None:
    assert decode_rgb(FILES[name], short_side_px).shape == (120, 180, 3)


@pytest.mark.parametrize(
    ("height", "width", "short_side_px", "expected"),
    [
        (120, 180, 60, (60, 90)),
        (180, 120, 60, (90, 60)),
        (100, 333, 64, (64, 213)),
        (1000, 11, 8, (727, 8)),
        (11, 1000, 8, (8, 727)),
        (64, 64, 63, (64, 64)),  # hardly too large: kept
        (130, 140, 100, (130, 140)),
        (131, 140, 100, (100, 107)),
    ],
)
def test_the_short_side_is_met_and_the_aspect_kept(
    height: int, width: int, short_side_px: int, expected: tuple[int, int]
) -> None:
    assert shrink(np.zeros((height, width, 3), dtype=np.uint8), short_side_px).shape == (*expected, 3)


# Large enough that libjpeg decodes at 1/2, 1/4 or 1/8. Shrinking twice is softer than shrinking once: they are compared
# where both should be the same picture: after a Gaussian blur of 2 pixels, in grey levels of 0..255.
@pytest.mark.parametrize("short_side_px", [50, 60, 75, 100, 120, 150, 240, 300, 400])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}], ids=str)
def test_scaled_decoding_is_close_to_decoding_everything(short_side_px: int, options: dict[str, object]) -> None:
    photo = load_sample_image("china.jpg")  # 427 x 640, ships with scikit-learn
    data = encoded(Image.fromarray(photo), "JPEG", quality=92, **options)
    got = decode_rgb(data, short_side_px)
    height, width = got.shape[:2]
    assert short_side_px <= height <= 1.3 * short_side_px
    assert abs(width - 640 * height / 427) <= 1.5  # 427 / 8 is rounded up before the aspect is taken
    expected = cv2.resize(by_pillow(data), (width, height), interpolation=cv2.INTER_AREA)
    a, b = (cv2.GaussianBlur(pixels.astype(float), (0, 0), 2) for pixels in (got, expected))
    difference = np.abs(a - b).mean()
    assert difference < 2.0
    assert np.abs(a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))).max() < 1.5, "the same colours"
    assert np.abs(a[:, 1:] - b[:, :-1]).mean() > 1.5 * difference, "a shift by one pixel is worse"


@pytest.mark.parametrize(("short_side_px", "factor"), [(60, 8), (61, 4), (120, 4), (121, 2), (240, 2), (241, 1)])
def test_the_decoder_is_asked_for_the_smallest_power_of_two(
    monkeypatch: pytest.MonkeyPatch, short_side_px: int, factor: int
) -> None:
    shapes = []

    def spy(*args: Any, **options: Any) -> np.ndarray:
        shapes.append((pixels := decode_jpeg(*args, **options)).shape)
        return pixels

    decode_jpeg = simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", spy)
    decode_rgb(encoded(Image.fromarray(photograph(480, 640)), "JPEG"), short_side_px)
    assert shapes == [(480 // factor, 640 // factor, 3)]
