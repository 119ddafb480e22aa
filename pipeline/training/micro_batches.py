"""Shards cut into smaller portions where a GPU's memory does not hold a whole one.

The gradients of the portions are added up, so a step stays a step of the whole batch: equal up to rounding for a
network that treats every image alone. Batch norm does not: it sees the images of one portion at a time, and moves its
running averages once for each. Dropout draws other masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.experiment import StageSpec
from pipeline.types import Batch

MIN_IMAGES = 2  # batch norm cannot do with one


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a shard."""

    batch: Batch
    share: float  # of the shard's labelled images


def micro_batches(batch: Batch, num_parts: int) -> Sequence[Part]:
    """Cut a shard, as the loss is to see it, into about equal parts.

    Args:
        batch: after the strategies and the task have edited it.
        num_parts: how many; fewer where there would be less than two images in one.
    """
    num = len(batch.images)
    num_parts = min(num_parts, max(1, num // MIN_IMAGES))
    if num_parts == 1:
        return [Part(batch, 1.0)]

    sizes = [len(rows) for rows in batch.images.tensor_split(num_parts)]

    def cut(rows: Tensor | None) -> Sequence[Any]:
        if rows is None:
            return [None] * num_parts
        return rows.split([size * len(rows) // num for size in sizes])  # a pool is a multiple of the labelled images

    images, labels, targets = cut(batch.images), cut(batch.labels), cut(batch.targets)
    weights, own_rows, masks = cut(batch.weights), cut(batch.rows), cut(batch.mask)
    views = [cut(view) for view in batch.pool]
    return [
        Part(
            replace(
                batch,
                images=images[i],
                labels=labels[i],
                targets=targets[i],
                weights=weights[i],
                rows=own_rows[i],
                mask=masks[i],
                pool=tuple(view[i] for view in views),
            ),
            sizes[i] / num,
        )
        for i in range(num_parts)
    ]


def more_parts(spec: StageSpec, num_parts: int) -> int | None:
    """Into how many parts to cut a shard that did not fit in `num_parts`; None where that is no way out.

    It is none where the loss compares the images of a shard with each other.
    """
    shard_size = spec.budget.batch_size // spec.budget.num_shards
    wanted = 2 * num_parts
    return None if spec.task.num_views > 1 or shard_size // wanted < MIN_IMAGES else wanted


def remark(spec: StageSpec, model: nn.Module, num_parts: int) -> str:
    """What a reader of the record must know."""
    shard_size = spec.budget.batch_size // spec.budget.num_shards
    images = -(-shard_size // num_parts)
    norm = any(isinstance(module, _BatchNorm) for module in model.modules())
    return (
        f"OUT OF MEMORY: a shard of {shard_size} images did not fit, so each was cut into {num_parts} micro-batches of "
        f"{images} and their gradients were added up. The batch size is the planned one"
        + (
            f", but batch norm saw {images} images at a time: compare with runs that were cut alike, or lower the "
            "batch size of all"
            if norm
            else ""
        )
    )
