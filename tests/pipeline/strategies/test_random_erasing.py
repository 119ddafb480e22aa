import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.ops import Box
from pipeline.strategies.random_erasing import EraseBox, RandomErasingConfig, draw_box
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from

MEAN = (120, 110, 90)
AREA, ASPECT = (0.02, 0.33), (0.3, 3.3)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 64), (16, 16)])
def test_rectangles_are_torchvisions_draw_by_draw(height: int, width: int) -> None:
    theirs = v2.RandomErasing(scale=AREA, ratio=ASPECT)
    for seed in range(300):
        with torch_draws_from(np.random.default_rng(seed)):
            params = theirs.make_params([torch.zeros(3, height, width)])
        box = draw_box(height, width, AREA, ASPECT, np.random.default_rng(seed))
        expected = tuple(int(params[name]) for name in "ijhw")
        assert (box.top, box.left, box.height, box.width) == expected if box else params["v"] is None


def test_where_no_rectangle_fits_the_image_is_left_alone() -> None:
    assert draw_box(16, 16, (1.0, 1.0), (1.0, 1.0), np.random.default_rng(0)) is None
    erase = EraseBox(RandomErasingConfig(prob=1, min_area_frac=1, max_area_frac=1, min_aspect=1, max_aspect=1), MEAN)
    np.testing.assert_array_equal(erase(picture(16), np.random.default_rng(0), 1.0), picture(16))


def drawn_box(seed: int) -> Box:
    """The rectangle that an EraseBox with prob 1 takes."""
    rng = np.random.default_rng(seed)
    rng.random()
    box = draw_box(48, 48, AREA, ASPECT, rng)
    assert box is not None
    return box


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_is_painted_as_torchvision_does(seed: int) -> None:
    image = picture(seed=seed)
    got = EraseBox(RandomErasingConfig(prob=1), MEAN)(image, np.random.default_rng(seed), 1.0)
    value = torch.tensor(MEAN, dtype=torch.uint8)[:, None, None]
    box = drawn_box(seed)
    theirs = v2.functional.erase(as_tensor(image), box.top, box.left, box.height, box.width, value)
    np.testing.assert_array_equal(got, as_array(theirs))


def test_noise_is_even_and_stays_in_the_rectangle() -> None:
    image, box = picture(), drawn_box(3)
    got = EraseBox(RandomErasingConfig(prob=1, fill="noise"), MEAN)(image, np.random.default_rng(3), 1.0)
    inside = np.zeros(image.shape, dtype=bool)
    inside[box.top : box.top + box.height, box.left : box.left + box.width] = True
    np.testing.assert_array_equal(got[~inside], image[~inside])
    assert (
        stats.kstest(got[inside] + np.random.default_rng(0).random(inside.sum()), stats.uniform(0, 256).cdf)[1] > 1e-3
    )


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_strength_scales_the_area_not_the_share(strength: float) -> None:
    image, erase = np.full((128, 128, 3), 7, np.uint8), EraseBox(RandomErasingConfig(prob=0.4), MEAN)
    areas = np.asarray(
        [(erase(image, np.random.default_rng([1, i]), strength)[:, :, 0] != 7).sum() for i in range(1500)]
    )
    assert stats.binomtest(int((areas > 0).sum()), 1500, 0.4).pvalue > 1e-3
    fractions = areas[areas > 0] / 128**2 / strength
    # Sides are whole pixels: the smallest rectangle, about 5 by 18, may lose a tenth of its area.
    assert 0.02 * 0.9 < fractions.min() < 0.04
    assert 0.31 < fractions.max() < 0.33 * 1.02
    assert stats.kstest(fractions, stats.uniform(0.02, 0.31).cdf).pvalue > 1e-3


@pytest.mark.parametrize("fields", [{"min_area_frac": 0.5}, {"min_aspect": 4.0}, {"max_area_frac": 0.01}], ids=str)
def test_limits_in_the_wrong_order_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="min_area_frac <= max_area_frac and min_aspect <= max_aspect must hold"):
        RandomErasingConfig.model_validate(fields)
