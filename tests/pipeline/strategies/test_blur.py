import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.strategies import blur
from pipeline.strategies.blur import BlurConfig, Blurring
from tests.pipeline.strategies.pictures import picture

# The convolution itself is compared with torchvision's in tests/pipeline/data/test_ops.py.


def sigmas(transform: Blurring, strength: float, size_px: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The widths with which 2,000 images are blurred."""
    found: list[float] = []
    image = picture(size_px)
    monkeypatch.setattr(blur, "blurred", lambda image, sigma_px: found.append(sigma_px))
    for i in range(2000):
        transform(image, np.random.default_rng([3, i]), strength)
    return found


@pytest.mark.parametrize(("prob", "strength"), [(0.5, 1.0), (0.5, 0.3), (0.1, 1.0)])
def test_share_and_widths(prob: float, strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sigmas(Blurring(prob, 0.05), strength, 40, monkeypatch)
    assert stats.binomtest(len(found), 2000, prob).pvalue > 1e-3, "strength scales the width, not the share"
    low, high = 0.05 * 0.05 * 40 * strength, 0.05 * 40 * strength
    assert stats.kstest(found, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_the_default_is_simclrs_two_pixels_at_224(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sigmas(Blurring(1.0, BlurConfig().max_sigma_frac), 1.0, 224, monkeypatch)
    assert 0.1 <= min(found) < 0.11
    assert 1.98 < max(found) < 2.02


@pytest.mark.parametrize("fields", [{"prob": 0.0}, {"max_sigma_frac": 0.0}, {"max_sigma_frac": 0.2}])
def test_impossible_values_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        BlurConfig.model_validate(fields)
