import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.auto_ops import SIGNED, magnitudes
from pipeline.data.ops import Interpolation
from pipeline.data.random_ops import NUM_LEVELS, SPACE, ApplyRandomOps, draw_ops
from pipeline.strategies.rand_augment import RandAugmentConfig
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from

FILL = (120, 110, 90)


@pytest.mark.parametrize(("num_ops", "magnitude"), [(2, 9), (1, 30), (3, 17), (2, 0)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_torchvisions_own_class_with_the_same_draws_gives_the_same_pixels(
    num_ops: int, magnitude: int, interpolation: Interpolation
) -> None:
    mode = v2.InterpolationMode(interpolation)
    theirs = v2.RandAugment(num_ops, magnitude, interpolation=mode, fill=[float(v) for v in FILL])
    ours = ApplyRandomOps(num_ops, magnitude, interpolation, FILL)
    for seed in range(40):
        image = picture(32 + seed % 7, seed)
        with torch_draws_from(np.random.default_rng(seed)):
            expected = as_array(theirs(as_tensor(image)))
        np.testing.assert_array_equal(ours(image, np.random.default_rng(seed), 1.0), expected)


@pytest.mark.parametrize("size_px", [16, 32, 96, 224])
def test_operations_and_magnitudes_are_torchvisions(size_px: int) -> None:
    space = v2.RandAugment._AUGMENTATION_SPACE
    assert SPACE.names == tuple(space)
    for name, (levels, signed) in space.items():
        expected = levels(NUM_LEVELS, size_px, size_px + 8)
        got = magnitudes(SPACE, name, NUM_LEVELS, size_px, size_px + 8)
        assert list(got) == ([0.0] * NUM_LEVELS if expected is None else expected.tolist()), name
        assert (name in SIGNED) == signed


def test_all_operations_are_drawn_alike() -> None:
    image = picture(16)
    ops = [op for i in range(2000) for op in draw_ops(2, 9, image, np.random.default_rng([6, i]))]
    assert len(ops) == 4000
    counts = [sum(op.name == name for op in ops) for name in SPACE.names]
    assert stats.chisquare(counts).pvalue > 1e-3
    signs = [op.magnitude > 0 for op in ops if op.name in SIGNED]
    assert stats.binomtest(sum(signs), len(signs), 0.5).pvalue > 1e-3


@pytest.mark.parametrize("fields", [{"num_ops": 0}, {"magnitude": 31}, {"magnitude": -1}])
def test_impossible_values_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        RandAugmentConfig.model_validate(fields)
