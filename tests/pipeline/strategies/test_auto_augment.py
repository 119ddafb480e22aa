import numpy as np
import pytest
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.auto_ops import SIGNED, magnitudes
from pipeline.data.ops import Interpolation
from pipeline.strategies.auto_augment import NUM_LEVELS, POLICIES, SPACE, ApplyPolicy, PolicyName, draw_ops
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture, torch_draws_from

FILL = (120, 110, 90)
THEIRS = {"imagenet": v2.AutoAugmentPolicy.IMAGENET, "cifar10": v2.AutoAugmentPolicy.CIFAR10}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_torchvisions_own_class_with_the_same_draws_gives_the_same_pixels(
    policy: PolicyName, interpolation: Interpolation
) -> None:
    theirs = v2.AutoAugment(THEIRS[policy], v2.InterpolationMode(interpolation), fill=[float(v) for v in FILL])
    ours = ApplyPolicy(policy, interpolation, FILL)
    for seed in range(60):
        image = picture(32 + seed % 7, seed)
        with torch_draws_from(np.random.default_rng(seed)):
            expected = as_array(theirs(as_tensor(image)))
        np.testing.assert_array_equal(ours(image, np.random.default_rng(seed), 1.0), expected)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_table_is_torchvisions(policy: PolicyName) -> None:
    theirs = v2.AutoAugment(THEIRS[policy])._policies
    assert [tuple((name, prob, level or 0) for name, prob, level in pair) for pair in theirs] == list(POLICIES[policy])


@pytest.mark.parametrize("size_px", [16, 32, 96, 224])
def test_magnitudes_are_torchvisions(size_px: int) -> None:
    for name, (levels, signed) in v2.AutoAugment._AUGMENTATION_SPACE.items():
        expected = levels(NUM_LEVELS, size_px, size_px + 8)
        got = magnitudes(SPACE, name, NUM_LEVELS, size_px, size_px + 8)
        assert list(got) == ([0.0] * NUM_LEVELS if expected is None else expected.tolist()), name
        assert (name in SIGNED) == signed


def test_every_pair_is_drawn_alike_and_its_operations_with_their_probability() -> None:
    image = picture(16)
    drawn = [draw_ops("cifar10", image, np.random.default_rng([4, i])) for i in range(5000)]
    # Only the pair (TranslateY 0.9, TranslateY 0.7) makes two translations.
    twice = sum([op.name for op in ops] == ["TranslateY", "TranslateY"] for ops in drawn)
    assert stats.binomtest(twice, 5000, 0.9 * 0.7 / 25).pvalue > 1e-3
    mean = sum(prob for pair in POLICIES["cifar10"] for _, prob, _ in pair) / 25
    variance = sum(p * (1 - p) for pair in POLICIES["cifar10"] for _, p, _ in pair) / 25 + np.var(
        [first[1] + second[1] for first, second in POLICIES["cifar10"]]
    )
    counts = np.asarray([len(ops) for ops in drawn])
    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / 5000)
    signs = [op.magnitude > 0 for ops in drawn for op in ops if op.name == "Rotate"]
    assert stats.binomtest(sum(signs), len(signs), 0.5).pvalue > 1e-3
