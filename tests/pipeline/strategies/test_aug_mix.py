from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.auto_ops import SIGNED, magnitudes
from pipeline.strategies.aug_mix import NUM_LEVELS, PAPER_NAMES, SPACE, AugMixConfig, MixChains, draw_blend
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from

FILL = (120, 110, 90)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"severity": 10, "width": 2, "depth": 2},
        {"alpha": 0.25, "operations": "paper", "interpolation": "nearest"},
    ],
    ids=str,
)
def test_torchvisions_own_class_with_the_same_draws_gives_the_same_pixels(fields: dict[str, Any]) -> None:
    config = AugMixConfig.model_validate(fields)
    theirs = v2.AugMix(
        severity=config.severity,
        mixture_width=config.width,
        chain_depth=config.depth or -1,
        alpha=config.alpha,
        all_ops=config.operations == "all",
        interpolation=v2.InterpolationMode(config.interpolation),
        fill=[float(v) for v in FILL],
    )
    for seed in range(30):
        image = picture(32 + seed % 7, seed)
        with torch_draws_from(np.random.default_rng(seed)):
            expected = as_array(theirs(as_tensor(image)))
        got = MixChains(config, FILL)(image, np.random.default_rng(seed), 1.0)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("size_px", [16, 32, 96, 224])
def test_operations_and_magnitudes_are_torchvisions(size_px: int) -> None:
    assert SPACE.names == tuple(v2.AugMix._AUGMENTATION_SPACE)
    assert PAPER_NAMES == tuple(v2.AugMix._PARTIAL_AUGMENTATION_SPACE)
    for name, (levels, signed) in v2.AugMix._AUGMENTATION_SPACE.items():
        expected = levels(NUM_LEVELS, size_px, size_px + 8)
        got = magnitudes(SPACE, name, NUM_LEVELS, size_px, size_px + 8)
        assert list(got) == ([0.0] * NUM_LEVELS if expected is None else expected.tolist()), name
        assert (name in SIGNED) == signed


def test_weights_and_depths_follow_their_distributions() -> None:
    config, image = AugMixConfig(alpha=0.7), picture(16)
    blends = [draw_blend(config, image, 1.0, np.random.default_rng([2, i])) for i in range(2000)]
    weights = np.asarray([(blend.image_weight, *blend.chain_weights) for blend in blends])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    assert stats.kstest(weights[:, 0], stats.beta(0.7, 0.7).cdf).pvalue > 1e-3
    share = weights[:, 1] / weights[:, 1:].sum(axis=1)
    assert stats.kstest(share, stats.beta(0.7, 1.4).cdf).pvalue > 1e-3
    depths = np.bincount([len(chain) for blend in blends for chain in blend.chains], minlength=4)
    assert depths[0] == 0
    assert stats.chisquare(depths[1:]).pvalue > 1e-3


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_scales_the_weight_of_the_chains(strength: float) -> None:
    full, part = (draw_blend(AugMixConfig(), picture(16), s, np.random.default_rng(3)) for s in (1.0, strength))
    assert part.chains == full.chains
    np.testing.assert_allclose(part.chain_weights, np.multiply(full.chain_weights, strength), rtol=1e-6)
    assert part.image_weight + sum(part.chain_weights) == pytest.approx(1.0)


@pytest.mark.parametrize("fields", [{"severity": 11}, {"width": 0}, {"depth": 0}, {"alpha": 0.0}])
def test_impossible_values_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        AugMixConfig.model_validate(fields)
