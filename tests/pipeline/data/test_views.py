"""Several views of a sample in one batch: each with draws of its own, the first as if it were the only one."""

from dataclasses import replace

import numpy as np

from pipeline.contract.samples import context, make_index
from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan, PoolRows, without_labels
from pipeline.data.plan import PlannedBatch, train_batches
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.spec.data import Digits
from pipeline.strategies.base import Strategy
from pipeline.strategies.rotation import RotationConfig


def planned(num_views: int, num_shards: int = 2) -> list[PlannedBatch]:
    return list(train_batches(make_index(), EpochPlan(0, 16, 64, num_views=num_views), num_shards, 7, 0, 1))


def test_rows_are_all_first_views_before_all_second_ones() -> None:
    one, two = planned(1), planned(2)
    assert len(one) == len(two)
    for single, double in zip(one, two, strict=True):
        n = len(single.rows)
        assert (double.num_views, len(double.rows)) == (2, 2 * n)
        for name in ("rows", "labels"):
            assert np.array_equal(getattr(double, name), np.tile(getattr(single, name), 2))
        assert np.array_equal(double.keys[:n], single.keys), "the first view draws as if it were the only one"
        assert double.num_pixels == 2 * single.num_pixels


def test_every_view_of_an_epoch_has_a_key_of_its_own() -> None:
    keys = np.concatenate([batch.keys for batch in planned(3)])
    assert len(np.unique(keys)) == len(keys)


def test_views_are_cropped_and_edited_apart(digits: DataHandle) -> None:
    plan = EpochPlan(0, 16, 64, num_views=2)
    batch = next(train_batches(digits.train, plan, 1, 7, 0, 1))
    reader = PixelReader(digits.prepared)

    def pixels(*transforms: Strategy) -> np.ndarray:
        rows = [t for strategy in transforms for t in strategy.row_transforms()]
        return render(batch, Digits(), rows, 7, reader)

    cropped = pixels()  # crops of 8 pixels have few places: some are equal by chance
    assert (cropped[:64] != cropped[64:]).any(axis=(1, 2, 3)).mean() > 0.7
    config = RotationConfig()
    turned = pixels(config.runtime(config, context()))
    assert not np.array_equal(turned, cropped)
    single = next(train_batches(digits.train, replace(plan, num_views=1), 1, 7, 0, 1))
    assert np.array_equal(render(single, Digits(), [], 7, reader), cropped[:64])


def test_without_labels_the_pool_joins_and_nobody_can_peek() -> None:
    index = make_index(40)
    pool = PoolRows(np.arange(100, 110), np.arange(10, dtype=np.uint64))
    joined = without_labels(replace(index, pool=pool))
    assert joined.rows.tolist() == [*range(40), *range(100, 110)]
    assert np.array_equal(joined.keys, np.concatenate([index.keys, pool.keys]))
    assert joined.labels.tolist() == [0] * 50
