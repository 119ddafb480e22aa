import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms.v2.functional import vertical_flip

from pipeline.strategies.vertical_flip import FlipVertically, VerticalFlipConfig
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture


def test_a_flip_is_torchvisions() -> None:
    image = picture()
    got = FlipVertically(1.0)(image, np.random.default_rng(0), 1.0)
    np.testing.assert_array_equal(got, as_array(vertical_flip(as_tensor(image))))
    np.testing.assert_array_equal(got[0], image[-1])


@pytest.mark.parametrize(("prob", "strength"), [(0.5, 1.0), (0.5, 0.4), (1.0, 0.3), (0.1, 1.0)])
def test_share_of_flips(prob: float, strength: float) -> None:
    image, flip = picture(8), FlipVertically(prob)
    flipped = sum(not np.array_equal(flip(image, np.random.default_rng([7, i]), strength), image) for i in range(2000))
    assert stats.binomtest(flipped, 2000, prob * strength).pvalue > 1e-3


@pytest.mark.parametrize("prob", [0.0, 1.1])
def test_impossible_probabilities_are_refused(prob: float) -> None:
    with pytest.raises(ValidationError, match="prob"):
        VerticalFlipConfig(prob=prob)
