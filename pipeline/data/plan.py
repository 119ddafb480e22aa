"""Which samples make which batch: decided before any pixel moves, so order, pairing and counts hold by construction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.listing import Role
from pipeline.spec.base import derive_seed
from pipeline.spec.optim import Budget


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """One shard of a training batch, or one batch of an evaluation."""

    role: Role
    epoch: int
    step: int  # within the epoch (train), or number of the evaluation batch
    shard: int
    rows: np.ndarray  # [N] int64
    keys: np.ndarray  # [N] uint64
    labels: np.ndarray  # [N] int64; after strategies edited the index, so not always the truth
    size_px: int

    @property
    def num_pixels(self) -> int:
        """Pixels of all images together."""
        return len(self.rows) * self.size_px**2


@dataclass(frozen=True, slots=True)
class EvalRows:
    """The rows of an evaluation split."""

    role: Role
    rows: np.ndarray  # [n] int64
    keys: np.ndarray  # [n] uint64
    labels: np.ndarray  # [n] int64


def steps_per_epoch(num_train: int, budget: Budget) -> int:
    """Full batches only: a short last batch would weigh its samples more."""
    return num_train // budget.batch_size


def shards_of(rank: int, world_size: int, num_shards: int) -> range:
    """The shards that a worker runs, in order. `num_shards` is a multiple of `world_size`."""
    each = num_shards // world_size
    return range(rank * each, (rank + 1) * each)


def train_batches(
    index: TrainIndex, plan: EpochPlan, budget: Budget, seed: int, rank: int, world_size: int
) -> Iterator[PlannedBatch]:
    """One rank's shards of one epoch."""
    order = np.random.default_rng(derive_seed(seed, "order", plan.epoch)).permutation(len(index.rows))
    shard_size = budget.batch_size // budget.num_shards
    for step in range(steps_per_epoch(len(order), budget)):
        for shard in shards_of(rank, world_size, budget.num_shards):
            start = step * budget.batch_size + shard * shard_size
            pick = order[start : start + shard_size]
            yield PlannedBatch(
                "train",
                plan.epoch,
                step,
                shard,
                index.rows[pick],
                index.keys[pick],
                index.labels[pick],
                plan.image_size_px,
            )


def eval_batches(
    split: EvalRows, epoch: int, size_px: int, batch_size: int, rank: int, world_size: int
) -> Iterator[PlannedBatch]:
    """One rank's share of a split: every row in exactly one batch of exactly one rank."""
    starts = range(0, len(split.rows), batch_size)
    for number, start in enumerate(starts):
        if number % world_size != rank:
            continue
        pick = slice(start, start + batch_size)
        yield PlannedBatch(
            split.role, epoch, number, 0, split.rows[pick], split.keys[pick], split.labels[pick], size_px
        )


def stage_batches(
    index: TrainIndex,
    splits: Sequence[EvalRows],
    plans: Sequence[EpochPlan],
    budget: Budget,
    eval_size_px: int,
    seed: int,
    rank: int,
    world_size: int,
) -> Iterator[PlannedBatch]:
    """All epochs of a stage for one rank: training shards, then the evaluation, epoch by epoch."""
    for plan in plans:
        yield from train_batches(index, plan, budget, seed, rank, world_size)
        for split in splits:
            yield from eval_batches(split, plan.epoch, eval_size_px, budget.eval_batch_size, rank, world_size)
