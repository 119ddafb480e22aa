"""Images as they are found on real disks, from the folder to what a network is shown."""

import io
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.data.crops import bordered, cut, eval_crops, train_crops
from pipeline.data.decode import decode_rgb
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.plan import PlannedBatch, eval_batches
from pipeline.data.prepared import PixelReader
from pipeline.data.sources import scan
from pipeline.spec.data import Augmentation, FullImage, ImageFolder, PadAndCrop, RandomResizedCrop
from tests.pipeline.conftest import prepared_here

LARGE_PX = 1000  # above every image here: nothing is reduced
NOISE = np.random.default_rng(7).integers(0, 256, (24, 36, 3)).astype(np.uint8)
PHOTO = Image.fromarray(NOISE)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_opencv(kind: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(kind, pixels)[1].tobytes()


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(PHOTO, kind, exif=exif.tobytes())


SECOND = {"save_all": True, "append_images": [Image.new("RGB", PHOTO.size, "red")]}
GOOD = {
    "cmyk.jpg": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "cmyk.tif": encoded(PHOTO.convert("CMYK"), "TIFF"),
    "ycbcr.tif": encoded(PHOTO.convert("YCbCr"), "TIFF"),
    "rgb of 16 bits.png": by_opencv(".png", NOISE.astype(np.uint16) * 257),
    "rgb of 16 bits.tif": by_opencv(".tiff", NOISE.astype(np.uint16) * 257),
    "palette.png": encoded(PHOTO.quantize(17), "PNG"),
    "palette and transparency.png": encoded(PHOTO.quantize(3), "PNG", transparency=b"\x00\x55\xff"),
    "palette.bmp": encoded(PHOTO.quantize(17), "BMP"),
    "animated.gif": encoded(PHOTO.quantize(9), "GIF", **SECOND),
    "animated.png": encoded(PHOTO, "PNG", **SECOND),
    "animated.webp": encoded(PHOTO, "WEBP", lossless=True, **SECOND),
    "several pages.tif": encoded(PHOTO, "TIFF", **SECOND),
    "two pictures.jpg": encoded(PHOTO, "MPO", **SECOND),
    **{f"turned {i}.{kind.lower()}": turned(kind, i) for i in (3, 6, 8) for kind in ("JPEG", "PNG", "WEBP", "TIFF")},
    "1x1.png": encoded(PHOTO.resize((1, 1)), "PNG"),
    "1x1.jpg": encoded(PHOTO.resize((1, 1)), "JPEG"),
    "wide.jpg": encoded(PHOTO.resize((3000, 1)), "JPEG"),
    "tall.png": encoded(PHOTO.resize((1, 3000)), "PNG"),
    "a jpeg called.png": encoded(PHOTO, "JPEG"),
    "a png called.jpg": encoded(PHOTO, "PNG"),
    "a webp called.gif": encoded(PHOTO, "WEBP"),
}
JPEG = encoded(PHOTO, "JPEG")
BOMB = bytearray(JPEG)
_SIZE_AT = BOMB.find(b"\xff\xc0") + 5  # height and width in the frame header (ITU T.81, B.2.2)
BOMB[_SIZE_AT : _SIZE_AT + 4] = b"\xff\x00\xff\x00"
BAD = {
    "nothing.jpg": (b"", "ValueError: no image bytes"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "ValueError: "),
    "half.png": (GOOD["a png called.jpg"][:500], "OSError: "),
    "half.gif": (GOOD["animated.gif"][:100], "OSError: "),
    "a page.jpg": (b"<!DOCTYPE html><p>404", r"the bytes start with b'<!DOCTYPE html><'"),
    # Pillow would hand this to Ghostscript, which runs it.
    "a program.jpg": (encoded(PHOTO, "EPS"), r"the bytes start with b'%!PS"),
    "real numbers.tif": (encoded(Image.fromarray(NOISE[..., 0] / np.float32(255)), "TIFF"), "no white level"),
    "32 bits.tif": (encoded(Image.fromarray(NOISE[..., 0].astype(np.int32) * 300), "TIFF"), "no white level"),
    "bomb.jpg": (bytes(BOMB), "the image is 65280 x 65280 pixels; at most 178956970 are read"),
}


@pytest.mark.parametrize("name", GOOD)
def test_pixels_are_pillows(name: str) -> None:
    got, expected = decode_rgb(GOOD[name], LARGE_PX), by_pillow(GOOD[name])
    # libjpeg-turbo is not bound to one rounding of its inverse DCT; one grey level is allowed.
    np.testing.assert_allclose(got.astype(int), expected.astype(int), atol=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_greys_of_16_bits_are_scaled_not_clipped(kind: str, order: str) -> None:
    grey = np.random.default_rng(1).integers(0, 65536, (24, 36)).astype(np.uint16)
    image = (
        Image.fromarray(grey) if order == "<u2" else Image.frombytes("I;16B", (36, 24), grey.astype(">u2").tobytes())
    )
    expected = np.round(grey / 65535 * 255)
    got = decode_rgb(encoded(image, kind), LARGE_PX)
    np.testing.assert_array_equal(got, np.repeat(expected[:, :, None], 3, axis=2))


def folder_of(root: Path, strange: dict[str, bytes], on_bad_image: str) -> ImageFolder:
    """Two classes of six images, and the strange ones in both."""
    for label, name in enumerate("ab"):
        (root / name).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (12, 10), (90 * label, 10 * i, 7)).save(root / name / f"plain {i}.png")
        for file, content in strange.items():
            (root / name / file).write_bytes(content)
    return ImageFolder.model_validate(
        {"path": str(root), "on_bad_image": on_bad_image, "image_size_px": 8, "prepared_px": LARGE_PX}
    )


def prepared_handle(spec: ImageFolder, folder: Path) -> DataHandle:
    folder.mkdir()
    listing = scan(spec)
    return make_handle(listing, prepared_here(spec, listing, folder))


def test_bad_images_are_counted_and_named_and_the_others_stay(tmp_path: Path) -> None:
    content = {name: data for name, (data, _) in BAD.items()}
    handle = prepared_handle(folder_of(tmp_path / "photos", GOOD | content, "skip"), tmp_path / "made")
    reasons = {image.sample_id: image.reason for image in handle.prepared.bad}
    assert reasons.keys() == {f"{label}/{name}" for label in "ab" for name in BAD}
    for sample_id, reason in reasons.items():
        assert BAD[sample_id[2:]][1] in reason, sample_id
    reader = PixelReader(handle.prepared)
    for row, sample_id in enumerate(handle.ids):
        if sample_id[2:] in GOOD:
            pixels = reader.images(np.asarray([row]))[0]
            expected = by_pillow(GOOD[sample_id[2:]])
            np.testing.assert_allclose(pixels.astype(int), expected.astype(int), atol=1, err_msg=sample_id)


@pytest.mark.parametrize(("batch_size", "world_size"), list(itertools.product([1, 3, 100], [1, 2, 5])))
def test_each_row_of_a_split_is_evaluated_once(tmp_path: Path, batch_size: int, world_size: int) -> None:
    content = {name: data for name, (data, _) in BAD.items()}
    handle = prepared_handle(folder_of(tmp_path / "photos", content, "skip"), tmp_path / "made")
    listed = scan(ImageFolder(path=str(tmp_path / "photos")))
    bad = {image.sample_id for image in handle.prepared.bad}
    for role, split in handle.evals.items():
        usable = [listed.ids[row] for row in listed.rows(role) if listed.ids[row] not in bad]
        planned = [
            handle.ids[row]
            for rank in range(world_size)
            for batch in eval_batches(split, 0, 8, batch_size, rank, world_size)
            for row in batch.rows.tolist()
        ]
        assert sorted(planned) == sorted(usable)
        assert len(usable) > 0


CROPS: list[Callable[[], Augmentation]] = [
    lambda: Augmentation(crop=RandomResizedCrop()),
    lambda: Augmentation(crop=RandomResizedCrop(min_area_frac=0.01, min_aspect=0.05, max_aspect=20)),
    lambda: Augmentation(crop=PadAndCrop()),
    lambda: Augmentation(crop=PadAndCrop(pad_frac=0.5)),
    lambda: Augmentation(crop=FullImage()),
]


@pytest.mark.parametrize("augment", CROPS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (3, 2000), (2, 2), (7, 1)])
def test_any_shape_is_cropped_to_the_size_of_a_batch(
    height: int, width: int, augment: Callable[[], Augmentation]
) -> None:
    spec = ImageFolder(path="x", image_size_px=8, augment=augment())
    images = [np.full((height, width, 3), 90, dtype=np.uint8) for _ in range(16)]
    heights, widths = np.full(16, height), np.full(16, width)
    batch = PlannedBatch("train", 0, 0, 0, np.arange(16), np.arange(16, dtype=np.uint64), np.zeros(16, dtype=int), 8)
    crop = spec.augment.crop
    framed = bordered(images, crop, (90 / 255, 90 / 255, 90 / 255)) if isinstance(crop, PadAndCrop) else images
    for source, crops in (
        (framed, train_crops(spec, 3, batch, heights, widths)),
        (images, eval_crops(spec, heights, widths)),
    ):
        assert (crops.height >= 1).all() and (crops.width >= 1).all()
        out = np.zeros((16, 8, 8, 3), dtype=np.uint8)
        cut(source, crops, out)
        assert (out == 90).all(), "every pixel comes from the image"


def test_no_program_is_started_by_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_spawn", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(OSError, match="no image that can be read"):
        decode_rgb(BAD["a program.jpg"][0], LARGE_PX)
