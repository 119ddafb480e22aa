from dataclasses import replace
from typing import Any, Literal

import cv2
import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms import RandomResizedCrop as TheirCrop
from torchvision.transforms.v2.functional import center_crop, resize

from pipeline.data.crops import (
    Crops,
    bordered,
    central_crops,
    cut,
    eval_crops,
    padded_crops,
    random_resized_crops,
    train_crops,
)
from pipeline.data.draws import sample_key, uniforms
from pipeline.data.handle import DataHandle
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.spec.base import derive_seed
from pipeline.spec.data import Augmentation, Digits, FullImage, ImageFolder, PadAndCrop, RandomResizedCrop

NUM = 3000
KEYS = np.asarray([sample_key(str(i)) for i in range(NUM)], dtype=np.uint64)
ALPHA = 1e-3  # of one comparison; both sides are seeded, so a pass stays a pass


def ours(height: int, width: int, spec: RandomResizedCrop) -> Crops:
    return random_resized_crops(uniforms(3, KEYS, 40), np.full(NUM, height), np.full(NUM, width), spec)


def theirs(height: int, width: int, spec: RandomResizedCrop, num: int = NUM) -> np.ndarray:
    """[num, 4]: top, left, height, width."""
    torch.manual_seed(0)
    image = torch.empty(1, height, width)
    area, aspect = [spec.min_area_frac, spec.max_area_frac], [spec.min_aspect, spec.max_aspect]
    return np.asarray([TheirCrop.get_params(image, area, aspect) for _ in range(num)])


@pytest.mark.parametrize(
    ("height", "width"), [(160, 160), (160, 213), (213, 160), (90, 400), (400, 90), (33, 31)], ids=str
)
@pytest.mark.parametrize(
    "spec", [RandomResizedCrop(), RandomResizedCrop(min_area_frac=0.08)], ids=["area 0.35", "area 0.08"]
)
def test_crops_are_distributed_as_torchvisions(height: int, width: int, spec: RandomResizedCrop) -> None:
    got, expected = ours(height, width, spec), theirs(height, width, spec)
    top, left, crop_h, crop_w = expected.T.astype(float)
    room_h, room_w = np.maximum(height - crop_h, 1), np.maximum(width - crop_w, 1)
    pairs = {
        "area": (got.height * got.width, crop_h * crop_w),
        "aspect": (np.log(got.width / got.height), np.log(crop_w / crop_h)),
        "top": (got.top / np.maximum(height - got.height, 1), top / room_h),
        "left": (got.left / np.maximum(width - got.width, 1), left / room_w),
        "height": (got.height, crop_h),
        "width": (got.width, crop_w),
    }
    for name, (a, b) in pairs.items():
        assert stats.ks_2samp(a, b)[1] > ALPHA, name  # type: ignore[operator]


@pytest.mark.parametrize(("height", "width"), [(40, 400), (400, 40), (64, 64)])
def test_boxes_lie_inside_the_image(height: int, width: int) -> None:
    got = ours(height, width, RandomResizedCrop(min_area_frac=0.01))
    assert min(got.top.min(), got.left.min()) >= 0
    assert min(got.height.min(), got.width.min()) >= 1
    assert (got.top + got.height <= height).all()
    assert (got.left + got.width <= width).all()


@pytest.mark.parametrize(
    ("height", "width", "limits"),
    [
        (20, 400, (3 / 4, 4 / 3)),  # too wide: no crop of this area fits
        (400, 20, (3 / 4, 4 / 3)),  # too tall
        (100, 150, (2.9, 3.0)),  # within: the box is as wide as the image
        (150, 151, (0.3, 0.35)),
    ],
)
def test_where_no_crop_fits_the_largest_central_one_is_taken(
    height: int, width: int, limits: tuple[float, float]
) -> None:
    spec = RandomResizedCrop(min_area_frac=1.0, max_area_frac=1.0, min_aspect=limits[0], max_aspect=limits[1])
    got = ours(height, width, spec)
    box = np.stack([got.top, got.left, got.height, got.width], axis=1)
    np.testing.assert_array_equal(box, np.broadcast_to(theirs(height, width, spec, 1), box.shape))


def test_central_crop_is_torchvisions_within_a_pixel() -> None:
    rng = np.random.default_rng(0)
    heights, widths = rng.integers(20, 500, (2, 300))
    for frac in (1.0, 0.875, 0.5):
        crops = central_crops(heights, widths, frac)
        for i, (height, width) in enumerate(zip(heights.tolist(), widths.tolist(), strict=True)):
            side = crops.height[i]
            assert side == crops.width[i]
            assert abs(side - frac * min(height, width)) <= 0.5
            # Every pixel of this image says where it is.
            place = torch.arange(height * width).reshape(1, height, width)
            corner = int(center_crop(place, [side, side])[0, 0, 0])
            assert abs(corner // width - crops.top[i]) <= 1
            assert abs(corner % width - crops.left[i]) <= 1


def cifar() -> list[np.ndarray]:
    """Images of 32 pixels that say in every pixel where it is."""
    y, x = np.mgrid[:32, :32]
    return [np.stack([8 * y, 8 * x, np.full((32, 32), i)], axis=2).astype(np.uint8) for i in range(40)]


@pytest.mark.parametrize("fill", ["reflect", "mean"])
def test_pad_and_crop_is_torchvisions_with_the_same_places(fill: Literal["reflect", "mean"]) -> None:
    """The CIFAR recipe: 4 pixels around 32, and a crop of 32, at its own size."""
    crop, mean = PadAndCrop(fill=fill), (0.5, 0.25, 0.125)
    images, sizes = cifar(), np.full(40, 32)
    crops = padded_crops(uniforms(1, KEYS[:40], 2), sizes, sizes, crop, 1.0)
    out = np.empty((40, 32, 32, 3), dtype=np.uint8)
    cut(bordered(images, crop, mean), crops, out)
    for i, image in enumerate(images):
        pixels = torch.from_numpy(image).permute(2, 0, 1)
        if fill == "reflect":
            theirs = v2.functional.pad(pixels, [4, 4, 4, 4], padding_mode="reflect")
        else:
            theirs = v2.functional.pad(pixels, [4, 4, 4, 4], fill=[128.0, 64.0, 32.0])
        theirs = v2.functional.crop(theirs, int(crops.top[i]), int(crops.left[i]), 32, 32)
        np.testing.assert_array_equal(out[i], theirs.permute(1, 2, 0).numpy())


def test_every_place_of_a_padded_crop_is_as_likely() -> None:
    sizes = np.full(NUM, 32)
    crops = padded_crops(uniforms(1, KEYS, 2), sizes, sizes, PadAndCrop(), 1.0)
    places = np.bincount(9 * crops.top + crops.left, minlength=81)
    assert stats.chisquare(places).pvalue > ALPHA
    assert set(crops.height) == set(crops.width) == {32}


@pytest.mark.parametrize(("height", "width"), [(40, 64), (64, 40), (33, 33)])
@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
def test_padded_crops_are_squares_that_may_leave_the_image_by_the_border(
    height: int, width: int, strength: float
) -> None:
    heights, widths = np.full(NUM, height), np.full(NUM, width)
    crops = padded_crops(uniforms(1, KEYS, 2), heights, widths, PadAndCrop(pad_frac=0.25), strength)
    side, border = min(height, width), round(0.25 * min(height, width))
    used = round(strength * border)
    assert set(crops.height) == set(crops.width) == {side}
    assert (crops.top.min(), crops.top.max() + side) == (border - used, border + height + used)
    assert (crops.left.min(), crops.left.max() + side) == (border - used, border + width + used)


def test_padded_crops_are_rendered_at_the_training_size(digits: DataHandle) -> None:
    """The way from a plan to pixels, against the same by hand with OpenCV."""
    spec = Digits(augment=Augmentation(crop=PadAndCrop(pad_frac=0.25), horizontal_flip_prob=0))
    rows, reader = np.arange(12), PixelReader(digits.prepared)
    batch = PlannedBatch("train", 0, 0, 0, rows, KEYS[:12], rows, 24)
    got = render(batch, spec, (), 5, reader)
    tops, lefts = np.floor(uniforms(derive_seed(5, "crop", 0), KEYS[:12], 2) * 5).astype(int).T
    for i, image in enumerate(reader.images(rows)):
        patch = np.pad(image, ((2, 2), (2, 2), (0, 0)), "reflect")[tops[i] : tops[i] + 8, lefts[i] : lefts[i] + 8]
        np.testing.assert_array_equal(got[i], cv2.resize(patch, (24, 24), interpolation=cv2.INTER_LINEAR))
    evaluated = render(replace(batch, role="val"), spec, (), 5, reader)
    np.testing.assert_array_equal(evaluated[0], cv2.resize(reader.images(rows)[0], (24, 24)))


def test_evaluation_uses_the_central_crop_of_the_spec() -> None:
    crops = eval_crops(ImageFolder(path="x", eval_crop_frac=0.5), np.asarray([100]), np.asarray([200]))
    assert (crops.top[0], crops.left[0], crops.height[0], crops.width[0], crops.flip[0]) == (25, 75, 50, 50, False)


def planned(keys: np.ndarray, epoch: int = 0, **how: Any) -> PlannedBatch:
    rows = np.arange(len(keys))
    return PlannedBatch("train", epoch, 0, 0, rows, keys, rows, 32, **how)


def test_a_full_image_is_cropped_as_in_evaluation() -> None:
    augment = Augmentation(crop=FullImage(), horizontal_flip_prob=0)
    heights, widths = np.full(NUM, 90), np.full(NUM, 120)
    got = train_crops(ImageFolder(path="x", augment=augment), 1, planned(KEYS), heights, widths)
    expected = central_crops(heights, widths, 0.875)
    for name in ("top", "left", "height", "width", "flip"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


@pytest.mark.parametrize("prob", [0.0, 0.3, 1.0])
def test_share_of_flips(prob: float) -> None:
    sizes = np.full(NUM, 50)
    spec = ImageFolder(path="x", augment=Augmentation(horizontal_flip_prob=prob))
    flips = train_crops(spec, 1, planned(KEYS), sizes, sizes).flip
    assert stats.binomtest(int(flips.sum()), NUM, prob).pvalue > ALPHA


def test_crops_belong_to_seed_epoch_and_sample() -> None:
    sizes = np.full(NUM, 200)

    def corner(seed: int, epoch: int, keys: np.ndarray) -> np.ndarray:
        crops = train_crops(ImageFolder(path="x"), seed, planned(keys, epoch), sizes[: len(keys)], sizes[: len(keys)])
        return np.stack([crops.top, crops.left, crops.height, crops.width, crops.flip], axis=1)

    base = corner(1, 0, KEYS)
    np.testing.assert_array_equal(corner(1, 0, KEYS[100:110]), base[100:110])
    for other in (corner(1, 1, KEYS), corner(2, 0, KEYS), base[::-1]):
        assert (other == base).all(axis=1).mean() < 0.01
        assert abs(np.corrcoef(other[:, 2], base[:, 2])[0, 1]) < 4 / np.sqrt(NUM)


def flips_of(epoch: int, prob: float = 0.5) -> np.ndarray:
    spec = ImageFolder(path="x", augment=Augmentation(horizontal_flip_prob=prob))
    sizes = np.full(NUM, 50)
    return train_crops(spec, 1, planned(KEYS, epoch, flip="alternating"), sizes, sizes).flip


def test_alternating_flips_show_every_image_both_ways_in_two_epochs() -> None:
    first = flips_of(0)
    assert stats.binomtest(int(first.sum()), NUM, 0.5).pvalue > ALPHA
    for epoch in range(1, 5):
        np.testing.assert_array_equal(flips_of(epoch), first if epoch % 2 == 0 else ~first)


def test_alternating_flips_leave_the_share_that_does_not_take_part() -> None:
    ever = flips_of(0, 0.2) | flips_of(1, 0.2)
    assert stats.binomtest(int(ever.sum()), NUM, 0.4).pvalue > ALPHA
    assert not flips_of(0, 0.0).any()


def test_at_part_of_its_strength_a_crop_is_closer_to_the_full_image() -> None:
    sizes, spec = np.full(NUM, 200), ImageFolder(path="x", augment=Augmentation(horizontal_flip_prob=0))
    areas = []
    for strength in (1.0, 0.5, 0.0):
        crops = train_crops(spec, 1, planned(KEYS, augment_strength=strength), sizes, sizes)
        areas.append((crops.height * crops.width / 200**2).mean())
    assert areas[0] < areas[1] - 0.05 < areas[2] - 0.1
    assert areas[2] == 1.0


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth shapes with edges and a little noise."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (height // 12 + 2, width // 12 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 128)
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def one_crop(top: int, left: int, height: int, width: int, flip: bool) -> Crops:
    return Crops(*(np.asarray([v]) for v in (top, left, height, width)), np.asarray([flip]))


def rendered(image: np.ndarray, crop: Crops, size_px: int) -> np.ndarray:
    out = np.zeros((1, size_px, size_px, 3), dtype=np.uint8)
    cut([image], crop, out)
    return out[0]


def by_torchvision(patch: np.ndarray, size_px: int, flip: bool) -> np.ndarray:
    pixels = torch.from_numpy(patch.copy())[None].permute(0, 3, 1, 2)  # channels last, as decoders give them
    resized = resize(pixels, [size_px, size_px], InterpolationMode.BILINEAR, antialias=True)[0]
    return (resized.flip(2) if flip else resized).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("height", "width", "size_px"),
    [(120, 120, 60), (150, 110, 96), (200, 160, 40), (97, 96, 96), (130, 40, 96), (40, 130, 96)],
)
def test_what_shrinks_is_torchvisions_antialiased_resize(height: int, width: int, size_px: int, flip: bool) -> None:
    image = photograph(240, 260)
    got = rendered(image, one_crop(13, 29, height, width, flip), size_px)
    np.testing.assert_array_equal(got, by_torchvision(image[13 : 13 + height, 29 : 29 + width], size_px, flip))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("height", "width", "size_px"), [(48, 48, 96), (30, 90, 96), (96, 96, 96), (8, 7, 32)])
def test_what_only_grows_is_torchvisions_within_one_grey_level(
    height: int, width: int, size_px: int, flip: bool
) -> None:
    image = photograph(240, 260)
    got = rendered(image, one_crop(13, 29, height, width, flip), size_px).astype(int)
    expected = by_torchvision(image[13 : 13 + height, 29 : 29 + width], size_px, flip)
    np.testing.assert_allclose(got, expected, atol=1)


def test_cutting_leaves_the_image_alone() -> None:
    image = photograph(80, 80)
    before = image.copy()
    assert rendered(image, one_crop(0, 0, 80, 80, True), 80).tobytes() == image[:, ::-1].tobytes()
    assert rendered(image, one_crop(0, 0, 80, 80, True), 40).shape == (40, 40, 3)
    np.testing.assert_array_equal(image, before)
