import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data.handle import DataHandle
from pipeline.data.prepared import PixelReader
from pipeline.data.thumbnails import make_thumbnails, sample_positions


def picture(found: dict[str, np.ndarray], i: int) -> np.ndarray:
    content = found["webp"][found["start"][i] : found["start"][i + 1]].tobytes()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_digits_are_kept_pixel_by_pixel(digits: DataHandle) -> None:
    found, split = make_thumbnails(digits, max_images=20), digits.evals["val"]
    order = sorted(range(len(split.keys)), key=lambda i: int(split.keys[i]))[:20]
    assert found["id"].tolist() == [digits.ids[split.rows[i]] for i in order]
    assert found["side_px"].tolist() == [8] * 20
    reader = PixelReader(digits.prepared)
    for i, position in enumerate(order):
        np.testing.assert_array_equal(picture(found, i), reader.images(split.rows[[position]])[0])


def test_a_smaller_sample_is_the_beginning_of_a_larger_one(digits: DataHandle) -> None:
    split = digits.evals["val"]
    assert sample_positions(split, 64).tolist() == sample_positions(split, 512).tolist()[:64]
    assert sorted(sample_positions(split, 10_000).tolist()) == list(range(len(split.rows)))


@pytest.mark.parametrize(("height", "width", "side"), [(300, 200, 96), (60, 90, 60)])
def test_photographs_are_cut_to_the_central_square(
    digits: DataHandle, monkeypatch: pytest.MonkeyPatch, height: int, width: int, side: int
) -> None:
    """Left of the square red, right of it blue; inside green: nothing of either side is seen."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    image[...] = (255, 0, 0)
    image[top : top + short, left : left + short] = (0, 255, 0)
    monkeypatch.setattr(PixelReader, "images", lambda self, rows: [image] * len(rows))
    found = picture(make_thumbnails(digits, max_images=1), 0)
    assert found.shape == (side, side, 3)
    assert found[..., 1].min() > 200 and found[..., 0].max() < 60
