import io

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.training.sheet import contact_sheet

MEAN, STD = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.5, 0.25, 0.1])


def sheet_of(pixels: np.ndarray) -> np.ndarray:
    """pixels: [N, H, W, 3] uint8, normalized and put on a sheet."""
    images = (torch.from_numpy(pixels).float() / 255 - MEAN) / STD
    return np.asarray(Image.open(io.BytesIO(contact_sheet(images.permute(0, 3, 1, 2), MEAN, STD))))


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (8, 8, 1), (9, 8, 2), (16, 8, 2), (40, 8, 2)]
)
def test_tiles_and_their_places(count: int, columns: int, rows: int) -> None:
    height, width = 12, 10
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    sheet = sheet_of(pixels)
    assert sheet.shape == (rows * (height + 2) - 2, columns * (width + 2) - 2, 3)
    for i in range(min(count, 16)):
        top, left = i // 8 * (height + 2), i % 8 * (width + 2)
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], pixels[i])


def test_large_tiles_are_reduced() -> None:
    assert sheet_of(np.zeros((2, 256, 256, 3), dtype=np.uint8)).shape == (128, 257, 3)


def test_values_outside_the_range_are_clipped() -> None:
    images = torch.full((1, 3, 4, 4), 100.0)
    assert (np.asarray(Image.open(io.BytesIO(contact_sheet(images, MEAN, STD)))) == 255).all()
