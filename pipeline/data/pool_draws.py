"""Which unlabelled images go with which step of an epoch."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.copies import COPY, copy_numbers
from pipeline.data.index import EpochPlan, PoolRows
from pipeline.spec.base import derive_seed


@dataclass(frozen=True, slots=True)
class DrawnFromPool:
    """The unlabelled images of one epoch in their order: as many as labelled ones, times the plan's ratio."""

    rows: np.ndarray  # [m] int64
    keys: np.ndarray  # [m] uint64, of the image's copy


def drawn_from_pool(pool: PoolRows, plan: EpochPlan, num_steps: int, seed: int) -> DrawnFromPool:
    """Every image of the pool once before any comes again, in an order of its own in every epoch and every round.

    An epoch ends with the labelled images: of a large pool it sees a part, of a small one some images several times.
    """
    num_images = num_steps * plan.batch_size * plan.pool_ratio
    if not num_images:
        return DrawnFromPool(pool.rows[:0], pool.keys[:0])
    assert len(pool.rows), "whoever asks for unlabelled images has checked that there are any"
    rng = np.random.default_rng(derive_seed(seed, "pool", plan.epoch))
    num_rounds = -(-num_images // len(pool.rows))
    order = np.concatenate([rng.permutation(len(pool.rows)) for _ in range(num_rounds)])[:num_images]
    return DrawnFromPool(pool.rows[order], pool.keys[order] + copy_numbers(order) * COPY)
