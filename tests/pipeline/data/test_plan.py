import numpy as np
import pytest
from scipy import stats

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.plan import (
    EvalRows,
    PlannedBatch,
    copy_numbers,
    epoch_order,
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
    return list(
        train_batches(INDEX, EpochPlan(epoch, size_px, BUDGET.batch_size), BUDGET.num_shards, seed, rank, world_size)
    )


def rows(batches: list[PlannedBatch]) -> list[int]:
    return np.concatenate([batch.rows for batch in batches]).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_every_row_at_most_once_and_less_than_a_batch_is_dropped(seed: int) -> None:
    used = rows(train(seed=seed))
    assert len(set(used)) == len(used) == (NUM // 16) * 16
    assert set(used) <= set(INDEX.rows.tolist())
    assert steps_per_epoch(NUM, BUDGET.batch_size) == 6
    assert steps_per_epoch(15, BUDGET.batch_size) == 0


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
    whole = list(train_batches(INDEX, EpochPlan(0, 24, 16), 1, 0, 0, 1))
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
    plans = [EpochPlan(0, 16, BUDGET.batch_size), EpochPlan(1, 24, BUDGET.batch_size)]
    batches = list(stage_batches(INDEX, [SPLIT], plans, BUDGET, 32, 5, 0, 1))
    seen = [(batch.epoch, batch.role, batch.size_px) for batch in batches]
    expected = [(0, "train", 16)] * 24 + [(0, "val", 32)] * 7 + [(1, "train", 24)] * 24 + [(1, "val", 32)] * 7
    assert seen == expected
    assert rows(batches[:24]) == rows(train(seed=5))


def test_an_empty_split_has_no_batches() -> None:
    empty = EvalRows("test", SPLIT.rows[:0], SPLIT.keys[:0], SPLIT.labels[:0])
    assert list(eval_batches(empty, 0, 32, 8, 0, 1)) == []


def repeated(num_repeats: int, batch_size: int = 12) -> list[PlannedBatch]:
    return list(train_batches(INDEX, EpochPlan(0, 24, batch_size, num_repeats=num_repeats), 2, 3, 0, 1))


def test_repeats_show_each_sample_of_a_step_as_often_with_other_draws() -> None:
    batches = repeated(3)
    for step in range(NUM // 12):
        rows = np.concatenate([batch.rows for batch in batches if batch.step == step])
        keys = np.concatenate([batch.keys for batch in batches if batch.step == step])
        assert (np.unique(rows, return_counts=True)[1] == 3).all()
        assert len(set(keys.tolist())) == 12
    first = np.concatenate([batch.rows for batch in batches])
    assert len(set(first.tolist())) == len(first) // 3


def test_the_first_copy_draws_as_if_it_were_alone() -> None:
    key_of = dict(zip(INDEX.rows.tolist(), INDEX.keys.tolist(), strict=True))
    plain = repeated(1)
    assert all(key_of[row] == key for batch in plain for row, key in zip(batch.rows, batch.keys.tolist(), strict=True))
    first = repeated(3)[0]
    assert [key_of[row] for row in first.rows[:4].tolist()] == first.keys[:4].tolist()


def test_copy_numbers_count_what_came_before() -> None:
    order = np.asarray([4, 1, 4, 4, 0, 1])
    assert copy_numbers(order).tolist() == [0, 0, 1, 2, 0, 1]


@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_balanced_draws_follow_the_inverse_of_the_counts(balance: float) -> None:
    labels = np.repeat([0, 1, 2], [600, 250, 150])
    index = TrainIndex(np.arange(1000), np.arange(1000, dtype=np.uint64), labels, 3)
    drawn = np.zeros(3)
    for epoch in range(40):
        order = epoch_order(index, EpochPlan(epoch, 24, 10, class_balance=balance), 0)
        assert len(order) == 1000
        drawn += np.bincount(labels[order], minlength=3)
    expected = np.asarray([600.0, 250.0, 150.0]) ** (1 - balance)
    assert stats.chisquare(drawn, expected / expected.sum() * drawn.sum()).pvalue > 1e-3
