import sys
from subprocess import run

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from pipeline.data.ops import Box, blurred, colour_of, erased, sharpened
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture


@pytest.mark.parametrize("factor", [0.0, 0.01, 0.1, 0.5, 1.0, 1.3, 1.9, 1.99])
@pytest.mark.parametrize("size_px", [2, 3, 8, 33, 96])
def test_sharpening_is_torchvisions_bit_for_bit(size_px: int, factor: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    for image in (noise, picture(max(size_px, 8))):
        got = sharpened(as_tensor(image), factor)
        assert torch.equal(got, functional.adjust_sharpness(as_tensor(image), factor))


@pytest.mark.parametrize("sigma_px", [0.1, 0.4, 1.0, 2.0, 5.0])
def test_blurring_is_torchvisions_but_for_rounding(sigma_px: float) -> None:
    size = 2 * max(1, int(np.ceil(3 * sigma_px))) + 1
    num_other = num_pixels = 0
    for seed in range(4):
        image = picture(48, seed)
        theirs = as_array(functional.gaussian_blur(as_tensor(image), [size, size], [sigma_px, sigma_px]))
        difference = np.abs(blurred(image, sigma_px).astype(int) - theirs)
        assert difference.max() <= 1
        num_other += int((difference > 0).sum())
        num_pixels += difference.size
    assert num_other / num_pixels < 2e-4, "sums that lie half way between two levels are rare"


def test_a_width_of_nothing_leaves_the_image() -> None:
    np.testing.assert_array_equal(blurred(picture(), 1e-6), picture())


def test_erasing_paints_a_copy() -> None:
    image = picture(8)
    got = erased(image, Box(1, 2, 3, 4), (1, 2, 3))
    np.testing.assert_array_equal(image, picture(8))
    changed = (got != image).any(axis=2)
    assert (got[1:4, 2:6] == (1, 2, 3)).all()
    changed[1:4, 2:6] = False
    assert not changed.any()


def test_the_datas_mean_as_a_colour() -> None:
    assert colour_of((0.485, 0.456, 0.406)) == (124, 116, 104)


@pytest.mark.slow
def test_torchvision_is_imported_only_by_whoever_augments() -> None:
    """It takes a second, in every task of Ray Data that only crops."""
    code = "import sys, pipeline.data.render, pipeline.data.auto_ops; sys.exit('torchvision' in sys.modules)"
    assert run([sys.executable, "-c", code]).returncode == 0
