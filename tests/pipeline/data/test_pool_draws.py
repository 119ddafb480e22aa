from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.index import EpochPlan, PoolRows, TrainIndex
from pipeline.data.listing import NO_LABEL
from pipeline.data.plan import PlannedBatch, train_batches
from pipeline.data.pool_draws import drawn_from_pool
from pipeline.data.transforms import ForView, transform_rows
from tests.pipeline.strategies.contract import make_index

PLAN = EpochPlan(epoch=2, image_size_px=16, batch_size=8, pool_ratio=3)
INDEX = make_index(40)


def batches(
    rank: int = 0, world_size: int = 1, plan: EpochPlan = PLAN, index: TrainIndex = INDEX
) -> list[PlannedBatch]:
    return list(train_batches(index, plan, 2, 5, rank, world_size))


def small_pool(num: int) -> PoolRows:
    return PoolRows(INDEX.pool.rows[:num], INDEX.pool.keys[:num])


def test_two_views_of_unlabelled_images_follow_each_shard() -> None:
    planned = batches()
    assert len(planned) == 5 * 2 * 3
    for labelled, weak, strong in zip(planned[::3], planned[1::3], planned[2::3], strict=True):
        assert [b.view for b in (labelled, weak, strong)] == ["labelled", "weak", "strong"]
        assert [b.num_following for b in (labelled, weak, strong)] == [2, 0, 0]
        assert [len(b.rows) for b in (labelled, weak, strong)] == [4, 12, 12]
        np.testing.assert_array_equal(weak.rows, strong.rows, "two views of the same images")
        assert not set(weak.keys.tolist()) & set(strong.keys.tolist()), "each drawn on its own"
        assert set(weak.rows.tolist()) <= set(INDEX.pool.rows.tolist())
        assert set(weak.labels.tolist()) == {NO_LABEL}
        assert len({(b.role, b.epoch, b.step, b.shard, b.size_px) for b in (labelled, weak, strong)}) == 1


def test_labelled_images_are_drawn_as_without_a_pool() -> None:
    alone = batches(plan=replace(PLAN, pool_ratio=0))
    for one, other in zip(batches()[::3], alone, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.keys, other.keys)
    assert all(b.num_following == 0 for b in alone)


def test_workers_share_the_shards_of_one() -> None:
    alone = batches()
    shared = sorted([*batches(0, 2), *batches(1, 2)], key=lambda b: (b.step, b.shard))
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.keys, other.keys)


@pytest.mark.parametrize("num", [1, 7, 60])
def test_every_image_comes_once_before_any_comes_again(num: int) -> None:
    drawn = drawn_from_pool(small_pool(num), PLAN, num_steps=5, seed=5)
    assert len(drawn.rows) == 5 * 8 * 3
    for start in range(0, len(drawn.rows) - num + 1, num):
        assert sorted(drawn.rows[start : start + num].tolist()) == sorted(INDEX.pool.rows[:num].tolist())
    assert len(set(drawn.keys.tolist())) == len(drawn.keys), "an image that comes again is cropped anew"


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [
        drawn_from_pool(INDEX.pool, replace(PLAN, epoch=e), 5, seed).rows.tolist() for e in (0, 1) for seed in (5, 6)
    ]
    assert len({tuple(order) for order in orders}) == 4
    assert (
        drawn_from_pool(INDEX.pool, PLAN, 5, 5).rows.tolist() == drawn_from_pool(INDEX.pool, PLAN, 5, 5).rows.tolist()
    )


class Paint:
    """Fills the image with a value."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.name = f"paint {value}"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
        return np.full_like(image, self.value)


def test_a_transform_of_a_view_leaves_the_others_alone() -> None:
    transforms = (Paint(1), ForView("strong", Paint(2)))
    found = []
    for batch in batches()[:3]:
        images = transform_rows(np.zeros((len(batch.rows), 2, 2, 3), dtype=np.uint8), batch, transforms, seed=0)
        found.append(set(images.flatten().tolist()))
    assert found == [{1}, {0}, {2}]
    assert transforms[1].name == "strong/paint 2", "with random numbers of its own"
