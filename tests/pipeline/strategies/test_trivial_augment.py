import numpy as np
import pytest
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.auto_ops import SIGNED, magnitudes
from pipeline.data.ops import Interpolation
from pipeline.strategies.trivial_augment import NUM_LEVELS, SPACE, ApplyOneOp, draw_op
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from

FILL = (120, 110, 90)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_torchvisions_own_class_with_the_same_draws_gives_the_same_pixels(interpolation: Interpolation) -> None:
    mode = v2.InterpolationMode(interpolation)
    theirs = v2.TrivialAugmentWide(interpolation=mode, fill=[float(v) for v in FILL])
    ours = ApplyOneOp(interpolation, FILL)
    for seed in range(120):
        image = picture(32 + seed % 7, seed)
        with torch_draws_from(np.random.default_rng(seed)):
            expected = as_array(theirs(as_tensor(image)))
        np.testing.assert_array_equal(ours(image, np.random.default_rng(seed), 1.0), expected)


@pytest.mark.parametrize("size_px", [16, 96, 224])
def test_operations_and_magnitudes_are_torchvisions(size_px: int) -> None:
    space = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    assert SPACE.names == tuple(space)
    for name, (levels, signed) in space.items():
        expected = levels(NUM_LEVELS, size_px, size_px + 8)
        got = magnitudes(SPACE, name, NUM_LEVELS, size_px, size_px + 8)
        assert list(got) == ([0.0] * NUM_LEVELS if expected is None else expected.tolist()), name
        assert (name in SIGNED) == signed


def test_operations_levels_and_signs_are_drawn_evenly() -> None:
    image = picture(16)
    ops = [draw_op(image, np.random.default_rng([6, i])) for i in range(6000)]
    assert stats.chisquare([sum(op.name == name for op in ops) for name in SPACE.names]).pvalue > 1e-3
    enhanced = [op.magnitude for op in ops if op.name in ("Brightness", "Color", "Contrast", "Sharpness")]
    levels = np.bincount(np.round(np.abs(enhanced) / 0.99 * 30).astype(int), minlength=31)
    assert stats.chisquare(levels).pvalue > 1e-3
    assert stats.binomtest(sum(m > 0 for m in enhanced), sum(m != 0 for m in enhanced), 0.5).pvalue > 1e-3
