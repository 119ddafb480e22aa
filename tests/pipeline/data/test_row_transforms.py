"""Every augmentation of single images, through each way of rendering."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.handle import DataHandle
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.data.stream import StreamShare, open_stream
from pipeline.data.transforms import ForView, RowTransform, transform_rows
from pipeline.spec.base import derive_seed
from pipeline.spec.data import Augmentation, Digits, PadAndCrop
from pipeline.strategies import CATALOGUE
from pipeline.strategies.chain import overrides
from tests.pipeline.data.test_stream import EVERY_WAY, SEED, planned
from tests.pipeline.strategies.contract import config_of, context

SPEC = Digits(augment=Augmentation(crop=PadAndCrop(), horizontal_flip_prob=0.5))


def transforms_of(*kinds: str) -> tuple[RowTransform, ...]:
    """As the chain gives them, in catalogue order."""
    runtimes = (config_of(kind).runtime(config_of(kind), context()) for kind in kinds)
    return tuple(transform for runtime in runtimes for transform in runtime.row_transforms())


KINDS = [  # those for labelled images
    kind
    for kind, config in CATALOGUE.items()
    if overrides(config.runtime, "row_transforms") and not any(isinstance(t, ForView) for t in transforms_of(kind))
]


def one_by_one(batch: PlannedBatch, transforms: tuple[RowTransform, ...], reader: PixelReader) -> np.ndarray:
    """Every sample cropped alone, and then through each operation with the generator of its own name and key."""
    out = []
    for i in range(len(batch.rows)):
        one = slice(i, i + 1)
        alone = replace(batch, rows=batch.rows[one], keys=batch.keys[one], labels=batch.labels[one])
        image = render(alone, SPEC, (), SEED, reader)[0]
        for transform in transforms:
            stream = derive_seed(SEED, transform.name, batch.epoch)
            image = transform(image, np.random.default_rng([stream, int(batch.keys[i])]), batch.augment_strength)
        out.append(image)
    return np.stack(out)


def plan(digits: DataHandle) -> list[PlannedBatch]:
    """The start of two epochs at two sizes, the first at part of the strength."""
    strengths = {0: 0.5, 1: 1.0}
    return [replace(b, augment_strength=strengths[b.epoch]) for b in planned(digits, 12, 16) if b.step < 2]


@pytest.mark.parametrize("share", EVERY_WAY)
def test_all_of_them_together_are_each_applied_to_each_sample(digits: DataHandle, share: StreamShare) -> None:
    transforms, reader = transforms_of(*KINDS), PixelReader(digits.prepared)
    assert len(transforms) >= 11
    num_train = 0
    stream = open_stream(iter(plan(digits)), SPEC, transforms, SEED, digits.prepared, share)
    for batch, pixels in stream:
        if batch.role == "train":
            np.testing.assert_array_equal(pixels, one_by_one(batch, transforms, reader))
            num_train += len(pixels)
        else:
            np.testing.assert_array_equal(pixels, render(batch, SPEC, (), SEED, reader), "evaluation is left alone")
    stream.close()
    assert num_train == 2 * 2 * 60


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_them_is_applied_to_each_sample_and_belongs_to_epoch_and_seed(digits: DataHandle, kind: str) -> None:
    transforms, reader = transforms_of(kind), PixelReader(digits.prepared)
    first = next(batch for batch in plan(digits) if batch.epoch == 1)
    got = render(first, SPEC, transforms, SEED, reader)
    np.testing.assert_array_equal(got, one_by_one(first, transforms, reader))
    bare = render(first, SPEC, (), SEED, reader)
    changed = (got != bare).any(axis=(1, 2, 3))
    assert changed.any(), "it does something to some image"
    for other, seed in ((replace(first, epoch=2), SEED), (first, SEED + 1)):
        assert not np.array_equal(transform_rows(bare.copy(), other, transforms, seed), got)


@pytest.mark.parametrize("kind", KINDS)
def test_at_strength_zero_only_the_crop_is_left(digits: DataHandle, kind: str) -> None:
    batch, reader = replace(planned(digits, 16)[0], augment_strength=0.0), PixelReader(digits.prepared)
    np.testing.assert_array_equal(
        render(batch, SPEC, transforms_of(kind), SEED, reader), render(batch, SPEC, (), SEED, reader)
    )
