import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import v2

from pipeline.strategies.grayscale import GrayscaleConfig, TurnGrey
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture


@pytest.mark.parametrize("seed", range(4))
def test_grey_is_torchvisions(seed: int) -> None:
    image = picture(seed=seed)
    got = TurnGrey(1.0)(image, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(got, as_array(v2.Grayscale(num_output_channels=3)(as_tensor(image))))


def test_grey_is_the_stated_luma_within_a_level() -> None:
    image = picture()
    luma = image.astype(np.float64) @ [0.2989, 0.587, 0.114]
    got = TurnGrey(1.0)(image, np.random.default_rng(0), 1.0)
    for channel in range(3):
        assert np.abs(got[:, :, channel] - luma).max() <= 1.0


@pytest.mark.parametrize(("prob", "strength"), [(0.2, 1.0), (0.5, 0.4)])
def test_share_of_grey_images(prob: float, strength: float) -> None:
    image, turn = picture(16), TurnGrey(prob)
    grey = sum(np.ptp(turn(image, np.random.default_rng([7, i]), strength), axis=2).max() == 0 for i in range(2000))
    assert stats.binomtest(int(grey), 2000, prob * strength).pvalue > 1e-3


@pytest.mark.parametrize("prob", [0.0, 1.1])
def test_impossible_probabilities_are_refused(prob: float) -> None:
    with pytest.raises(ValidationError, match="prob"):
        GrayscaleConfig(prob=prob)
