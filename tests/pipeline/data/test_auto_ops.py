from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from pipeline.data.auto_ops import ENHANCING, GEOMETRIC, SWITCHED, AutoOp, apply_op, apply_ops, softened
from pipeline.data.ops import Interpolation
from tests.pipeline.strategies.pictures import as_tensor, picture

FILL = (120, 110, 90)
NAMES = ("Identity", *GEOMETRIC, *ENHANCING, "Posterize", *sorted(SWITCHED))
AMOUNTS = {"Posterize": (0, 2, 4, 8), "Solarize": (0.0, 0.3, 1.0)}


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_torchvisions(name: str, interpolation: Interpolation) -> None:
    theirs = v2.RandAugment()
    fill: Any = {torch.Tensor: [float(v) for v in FILL]}
    for amount in AMOUNTS.get(name, (-0.9, -0.31, 0.0, 0.2, 0.99)):
        for seed in range(3):
            size_px, image = 40 + seed, as_tensor(picture(40 + seed, seed))
            scale = {"TranslateX": size_px / 2, "TranslateY": size_px / 2, "Rotate": 90.0}.get(name, 1.0)
            expected: Any = theirs._apply_image_or_video_transform(
                image, name, amount * scale, v2.InterpolationMode(interpolation), fill
            )
            before = image.clone()
            assert torch.equal(apply_op(image, AutoOp(name, amount * scale), interpolation, FILL), expected)
            assert torch.equal(image, before)


def test_an_unknown_name_is_our_fault() -> None:
    with pytest.raises(AssertionError, match="no operation is named 'Nonsense'"):
        apply_op(as_tensor(picture()), AutoOp("Nonsense"), "nearest", FILL)


ALL_OPS = [AutoOp("Rotate", 30.0), AutoOp("Color", -0.5), AutoOp("Posterize", 4.0), AutoOp("Solarize", 0.5)]


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (1.0, ALL_OPS),
        (0.5, [AutoOp("Rotate", 15.0), AutoOp("Color", -0.25), AutoOp("Posterize", 6.0)]),
        (0.1, [AutoOp("Rotate", 3.0), AutoOp("Color", -0.05), AutoOp("Posterize", 8.0)]),
        (0.0, [AutoOp("Posterize", 8.0)]),
    ],
)
def test_magnitudes_shrink_in_proportion(strength: float, expected: list[AutoOp]) -> None:
    rng = np.random.default_rng(0)
    assert [op for op in softened(ALL_OPS, strength, rng) if op.name != "Solarize" or strength == 1.0] == expected


@pytest.mark.parametrize("name", sorted(SWITCHED))
def test_what_cannot_be_weaker_becomes_rarer(name: str) -> None:
    rng = np.random.default_rng(1)
    kept = sum(softened([AutoOp(name, 0.5)], 0.3, rng) == [AutoOp(name, 0.5)] for _ in range(2000))
    assert stats.binomtest(kept, 2000, 0.3).pvalue > 1e-3
    assert softened([AutoOp(name, 0.5)], 0.0, rng) == []


def test_at_strength_zero_every_operation_leaves_the_image_alone() -> None:
    image = picture()
    ops = softened([AutoOp(name, 0.7) for name in NAMES], 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(apply_ops(image, ops, "bilinear", FILL), image)


def test_operations_follow_each_other() -> None:
    image, ops = picture(), [AutoOp("Invert"), AutoOp("Posterize", 3.0), AutoOp("TranslateX", 5.0)]
    step = image
    for op in ops:
        step = apply_ops(step, [op], "nearest", FILL)
    np.testing.assert_array_equal(apply_ops(image, ops, "nearest", FILL), step)
