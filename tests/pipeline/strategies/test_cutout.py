import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.data.holes import CutHole, hole_around
from pipeline.strategies.cutout import CutoutConfig
from tests.pipeline.strategies.pictures import picture

MEAN = (120, 110, 90)


def by_the_pixel(image: np.ndarray, y: int, x: int, side: int) -> np.ndarray:
    """Every pixel asks whether it lies in the hole [c - s / 2, c + s / 2) of the paper."""
    out = image.copy()
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if y - side // 2 <= i < y - side // 2 + side and x - side // 2 <= j < x - side // 2 + side:
                out[i, j] = MEAN
    return out


@pytest.mark.parametrize(("side_frac", "strength"), [(0.5, 1.0), (0.25, 1.0), (0.5, 0.5), (0.3, 1.0), (1.0, 1.0)])
def test_the_hole_is_the_papers_pixel_by_pixel(side_frac: float, strength: float) -> None:
    for seed in range(12):
        image = picture(16, seed)
        got = CutHole(side_frac, MEAN)(image, np.random.default_rng(seed), strength)
        y, x = np.random.default_rng(seed).integers(16, size=2).tolist()
        np.testing.assert_array_equal(got, by_the_pixel(image, y, x, round(side_frac * strength * 16)))


@pytest.mark.parametrize("side", [0, 1, 4, 5, 10])
def test_holes_are_clipped_at_the_edges(side: int) -> None:
    for y, x in [(0, 0), (0, 9), (9, 0), (9, 9), (5, 5)]:
        box = hole_around(y, x, side, 10, 10)
        image = np.zeros((10, 10, 3), np.uint8)
        image[box.top : box.top + box.height, box.left : box.left + box.width] = MEAN
        np.testing.assert_array_equal(image, by_the_pixel(np.zeros((10, 10, 3), np.uint8), y, x, side))
        assert min(box.top, box.left, box.height, box.width) >= 0


def test_centres_are_even_over_all_pixels() -> None:
    hole, image = CutHole(1 / 8, MEAN), np.full((8, 8, 3), 7, np.uint8)
    hits = np.zeros((8, 8))
    for i in range(6400):
        hits += hole(image, np.random.default_rng([1, i]), 1.0)[:, :, 0] != 7
    assert hits.sum() == 6400
    assert stats.chisquare(hits.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("side_frac", [0.0, 1.1])
def test_impossible_sides_are_refused(side_frac: float) -> None:
    with pytest.raises(ValidationError, match="side_frac"):
        CutoutConfig(side_frac=side_frac)
