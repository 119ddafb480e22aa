import numpy as np
import pytest

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.plan import (
    EvalRows,
    PlannedBatch,
    eval_batches,
    shards_of,
    stage_batches,
    steps_per_epoch,
    train_batches,
)
from pipeline.spec.optim import Budget

NUM = 103
INDEX = TrainIndex(
    rows=np.arange(NUM) * 3, keys=np.arange(NUM, dtype=np.uint64) + 7, labels=np.arange(NUM) % 10, num_classes=10
)
SPLIT = EvalRows("val", np.arange(50) * 2 + 1, np.arange(50, dtype=np.uint64), np.arange(50) % 10)
BUDGET = Budget(epochs=2, batch_size=16, num_shards=4, eval_batch_size=8)


def train(epoch: int = 0, seed: int = 0, rank: int = 0, world_size: int = 1, size_px: int = 24) -> list[PlannedBatch]:
    return list(train_batches(INDEX, EpochPlan(epoch, size_px), BUDGET, seed, rank, world_size))


def rows(batches: list[PlannedBatch]) -> list[int]:
    return np.concatenate([batch.rows for batch in batches]).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_every_row_at_most_once_and_less_than_a_batch_is_dropped(seed: int) -> None:
    used = rows(train(seed=seed))
    assert len(set(used)) == len(used) == (NUM // 16) * 16
    assert set(used) <= set(INDEX.rows.tolist())
    assert steps_per_epoch(NUM, BUDGET) == 6
    assert steps_per_epoch(15, BUDGET) == 0


def test_over_the_epochs_every_row_is_seen_about_equally_often() -> None:
    counts = np.zeros(NUM, dtype=int)
    for epoch in range(200):
        counts[np.asarray(rows(train(epoch=epoch))) // 3] += 1
    # A row is left out with probability 7/103 in each of 200 epochs: mean 186.4, standard deviation 3.6.
    assert counts.mean() == 200 * 96 / NUM
    assert abs(counts.std() - np.sqrt(200 * 96 / NUM * 7 / NUM)) < 1.0
    assert counts.min() > 186.4 - 5 * 3.6


def test_rows_keys_and_labels_stay_together() -> None:
    for batch in train():
        np.testing.assert_array_equal(batch.keys, batch.rows.astype(np.uint64) // 3 + 7)
        np.testing.assert_array_equal(batch.labels, batch.rows // 3 % 10)
        assert (batch.size_px, batch.num_pixels) == (24, 4 * 24 * 24)


def test_the_order_differs_by_epoch_and_by_seed() -> None:
    base = rows(train())
    assert rows(train()) == base
    for other in (rows(train(epoch=1)), rows(train(seed=1))):
        assert np.mean(np.asarray(other) == np.asarray(base)) < 0.1
        assert abs(np.corrcoef(other, base)[0, 1]) < 0.3


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_the_ranks_together_run_the_shards_of_one(world_size: int) -> None:
    alone = {(batch.step, batch.shard): batch.rows.tolist() for batch in train()}
    assert list(alone) == [(step, shard) for step in range(6) for shard in range(4)]
    together: dict[tuple[int, int], list[int]] = {}
    for rank in range(world_size):
        mine = train(rank=rank, world_size=world_size)
        assert [batch.step for batch in mine] == sorted(batch.step for batch in mine)
        each = 4 // world_size
        assert {batch.shard for batch in mine} == set(range(rank * each, (rank + 1) * each))
        together |= {(batch.step, batch.shard): batch.rows.tolist() for batch in mine}
    assert dict(sorted(together.items())) == alone


def test_shards_are_slices_of_the_global_batch() -> None:
    whole = list(train_batches(INDEX, EpochPlan(0, 24), Budget(batch_size=16), 0, 0, 1))
    assert rows(train()) == rows(whole), "cutting into shards does not change the global batches"


def test_shards_of_ranks() -> None:
    assert [list(shards_of(rank, 3, 6)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 8, 50, 256])
def test_evaluation_sees_every_row_exactly_once(world_size: int, batch_size: int) -> None:
    numbered: dict[int, list[int]] = {}
    for rank in range(world_size):
        for batch in eval_batches(SPLIT, 3, 32, batch_size, rank, world_size):
            assert batch.step not in numbered
            assert (batch.role, batch.epoch, batch.size_px) == ("val", 3, 32)
            numbered[batch.step] = batch.rows.tolist()
    assert [row for i in sorted(numbered) for row in numbered[i]] == SPLIT.rows.tolist()


def test_a_stage_alternates_training_and_evaluation() -> None:
    plans = [EpochPlan(0, 16), EpochPlan(1, 24)]
    batches = list(stage_batches(INDEX, [SPLIT], plans, BUDGET, 32, 5, 0, 1))
    seen = [(batch.epoch, batch.role, batch.size_px) for batch in batches]
    expected = [(0, "train", 16)] * 24 + [(0, "val", 32)] * 7 + [(1, "train", 24)] * 24 + [(1, "val", 32)] * 7
    assert seen == expected
    assert rows(batches[:24]) == rows(train(seed=5))


def test_an_empty_split_has_no_batches() -> None:
    empty = EvalRows("test", SPLIT.rows[:0], SPLIT.keys[:0], SPLIT.labels[:0])
    assert list(eval_batches(empty, 0, 32, 8, 0, 1)) == []
