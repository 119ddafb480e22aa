"""Which samples make which batch: decided before any pixel moves, so order, pairing and counts hold by construction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pipeline.data.copies import COPY, STRONG, copy_numbers
from pipeline.data.index import EpochPlan, Flip, TrainIndex, View
from pipeline.data.listing import NO_LABEL, Role
from pipeline.data.pool_draws import DrawnFromPool, drawn_from_pool
from pipeline.spec.base import derive_seed
from pipeline.spec.optim import Budget

VIEW = np.uint64(0xD1B54A32D192ED03)  # as COPY for views; apart from it, so that a view is never a copy

Use = Role | Literal["reference"]
"""What a batch is for. `reference`: labelled training images as evaluation sees them, to compare others with."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """One shard of a training batch, or one batch of an evaluation."""

    role: Use
    epoch: int
    step: int  # within the epoch (train), or number of the evaluation batch
    shard: int
    rows: np.ndarray  # [N] int64
    keys: np.ndarray  # [N] uint64, of the sample's copy: what its draws are keyed by
    labels: np.ndarray  # [N] int64; after strategies edited the index, so not always the truth
    size_px: int
    augment_strength: float = 1.0
    flip: Flip = "random"
    view: View = "labelled"  # decides which transforms an image of training goes through
    num_following: int = 0  # batches of unlabelled views that come right after it and belong to it
    num_views: int = 1  # rows are views: all samples' first ones before all second ones

    @property
    def num_pixels(self) -> int:
        """Pixels of all images together."""
        return len(self.rows) * self.size_px**2


@dataclass(frozen=True, slots=True)
class EvalRows:
    """The rows of an evaluation split."""

    role: Use
    rows: np.ndarray  # [n] int64
    keys: np.ndarray  # [n] uint64
    labels: np.ndarray  # [n] int64


def steps_per_epoch(num_train: int, batch_size: int) -> int:
    """Full batches only: a short last batch would weigh its samples more."""
    return num_train // batch_size


def shards_of(rank: int, world_size: int, num_shards: int) -> range:
    """The shards that a worker runs, in order. `num_shards` is a multiple of `world_size`."""
    each = num_shards // world_size
    return range(rank * each, (rank + 1) * each)


def epoch_order(index: TrainIndex, plan: EpochPlan, seed: int) -> np.ndarray:
    """[n] int64: which sample stands where in this epoch.

    With repeats, each step holds batch_size / num_repeats samples, one copy after all others of its round, so that
    copies fall into different shards. An epoch has its usual length, and shows a share of the samples (as in timm's
    RepeatAugSampler).
    """
    n = len(index.rows)
    rng = np.random.default_rng(derive_seed(seed, "order", plan.epoch))
    if plan.class_balance:
        counts = np.bincount(index.labels, minlength=index.num_classes)
        weights = counts[index.labels].astype(np.float64) ** -plan.class_balance
        order = rng.choice(n, size=n, p=weights / weights.sum())
    else:
        order = rng.permutation(n)
    if plan.num_repeats == 1:
        return order
    num_unique = plan.batch_size // plan.num_repeats
    steps = steps_per_epoch(n, plan.batch_size)
    return np.tile(order[: steps * num_unique].reshape(steps, num_unique), plan.num_repeats).reshape(-1)


def train_batches(
    index: TrainIndex, plan: EpochPlan, num_shards: int, seed: int, rank: int, world_size: int
) -> Iterator[PlannedBatch]:
    """One rank's shards of one epoch."""
    order = epoch_order(index, plan, seed)
    keys = index.keys[order] + copy_numbers(order) * COPY  # the first copy draws as if it were the only one
    views = np.arange(plan.num_views, dtype=np.uint64)[:, None] * VIEW  # and so does the first view
    shard_size = plan.batch_size // num_shards
    pool = drawn_from_pool(index.pool, plan, steps_per_epoch(len(index.rows), plan.batch_size), seed)
    for step in range(steps_per_epoch(len(index.rows), plan.batch_size)):
        for shard in shards_of(rank, world_size, num_shards):
            start = step * plan.batch_size + shard * shard_size
            at = slice(start, start + shard_size)
            pick = order[at]
            batch = PlannedBatch(
                role="train",
                epoch=plan.epoch,
                step=step,
                shard=shard,
                rows=np.tile(index.rows[pick], plan.num_views),
                keys=(keys[at] + views).reshape(-1),
                labels=np.tile(index.labels[pick], plan.num_views),
                size_px=plan.image_size_px,
                augment_strength=plan.augment_strength,
                flip=plan.flip,
                num_following=plan.batches_per_shard - 1,
                num_views=plan.num_views,
            )
            yield batch
            if plan.pool_ratio:
                yield from _views_of_pool(batch, pool, slice(start * plan.pool_ratio, at.stop * plan.pool_ratio))


def _views_of_pool(batch: PlannedBatch, pool: DrawnFromPool, at: slice) -> Iterator[PlannedBatch]:
    """The unlabelled images that go with a shard: all in their weak view, then all in their strong one."""
    unlabelled = replace(batch, rows=pool.rows[at], labels=np.full(at.stop - at.start, NO_LABEL), num_following=0)
    yield replace(unlabelled, keys=pool.keys[at], view="weak")
    yield replace(unlabelled, keys=pool.keys[at] + STRONG, view="strong")


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
        yield from train_batches(index, plan, budget.num_shards, seed, rank, world_size)
        for split in splits:
            yield from eval_batches(split, plan.epoch, eval_size_px, budget.eval_batch_size, rank, world_size)
