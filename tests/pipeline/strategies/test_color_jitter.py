import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import v2

from pipeline.strategies.color_jitter import ColorJitterConfig, JitterColours, draw_jitter
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from


@pytest.mark.parametrize("amounts", [(0.4, 0.4, 0.4, 0.1), (0.8, 0.2, 1.0, 0.5), (0.4, 0.0, 0.4, 0.0)], ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_the_drawn_jitter_applied_by_torchvision_gives_the_same_pixels(amounts: tuple[float, ...], seed: int) -> None:
    image = picture(seed=seed)
    jitter = draw_jitter(amounts, np.random.default_rng(seed))
    names = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")
    factors = {n: v if amount else None for n, v, amount in zip(names, jitter.factors, amounts, strict=True)}
    theirs = v2.ColorJitter(*amounts).transform(as_tensor(image), {"fn_idx": jitter.order, **factors})
    got = JitterColours(amounts)(image, np.random.default_rng(seed), 1.0)
    np.testing.assert_array_equal(got, as_array(theirs))


@pytest.mark.parametrize("seed", range(4))
def test_it_draws_as_torchvision_does(seed: int) -> None:
    amounts, image = (0.4, 0.3, 0.2, 0.1), picture(seed=seed)
    with torch_draws_from(np.random.default_rng(seed)):
        theirs = v2.ColorJitter(*amounts)(as_tensor(image))
    np.testing.assert_array_equal(JitterColours(amounts)(image, np.random.default_rng(seed), 1.0), as_array(theirs))


def test_factors_are_even_over_their_ranges_and_orders_alike() -> None:
    drawn = [draw_jitter((0.4, 1.0, 0.2, 0.1), np.random.default_rng([5, i])) for i in range(2400)]
    factors = np.asarray([jitter.factors for jitter in drawn])
    for column, (low, high) in zip(factors.T, [(0.6, 1.4), (0.0, 2.0), (0.8, 1.2), (-0.1, 0.1)], strict=True):
        assert stats.kstest(column, stats.uniform(low, high - low).cdf).pvalue > 1e-3
    counts = np.unique([jitter.order for jitter in drawn], axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_strength_scales_the_amounts() -> None:
    image, amounts = picture(), (0.8, 0.4, 0.6, 0.1)
    half = tuple(amount / 2 for amount in amounts)
    got = JitterColours(amounts)(image, np.random.default_rng(1), 0.5)
    np.testing.assert_array_equal(got, JitterColours(half)(image, np.random.default_rng(1), 1.0))


def test_amounts_that_do_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="all amounts are 0: raise one of"):
        ColorJitterConfig(brightness=0, contrast=0, saturation=0)
    with pytest.raises(ValidationError, match="hue"):
        ColorJitterConfig(hue=0.6)


def test_a_share_of_the_images_is_left_alone_and_the_others_get_the_same_draws() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)

    def edited(prob: float) -> np.ndarray:
        jitter = JitterColours((0.4, 0.4, 0.4, 0.0), prob)
        return np.stack([jitter(image, np.random.default_rng([5, i]), 1.0) for i, image in enumerate(images)])

    always, sometimes = edited(1.0), edited(0.3)
    touched = (sometimes != images).any(axis=(1, 2, 3))
    assert np.array_equal(sometimes[touched], always[touched])
    assert abs(touched.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 300)
