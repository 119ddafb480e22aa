"""One rank's batches, rendered ahead of training, in the order of the plan.

Two ways to the same pixels: threads of the worker, and Ray Data tasks on CPUs set aside for them. Threads cost the
least where training needs the same cores (a crop takes a tenth of a millisecond and holds no lock); tasks take
the work to other cores and other nodes (docs/BENCHMARKS.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ray.util.placement_group import PlacementGroup

from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import Prepared
from pipeline.data.render_threads import ThreadStream
from pipeline.data.transforms import RowTransform
from pipeline.spec.data import AnyData


@dataclass(frozen=True, slots=True)
class StreamShare:
    """What one rank's stream may use."""

    num_threads: int = 1  # of the worker
    task_cpus: float = 0.0  # for Ray Data tasks, which then do the rendering
    reserved: PlacementGroup | None = None  # holds the tasks' CPUs, for all streams together
    timeout_s: float = 120.0  # for the next batch


class PixelStream(Protocol):
    """Iterates (planned batch, pixels [N, size, size, 3] uint8)."""

    def __iter__(self) -> Iterator[tuple[PlannedBatch, np.ndarray]]: ...

    def close(self) -> None:
        """Stop rendering; call it when you stop early."""


def open_stream(
    planned: Iterable[PlannedBatch],
    spec: AnyData,
    transforms: Sequence[RowTransform],
    seed: int,
    prepared: Prepared,
    share: StreamShare,
) -> PixelStream:
    """Start rendering a plan. Training images go through the transforms after their crop."""
    if share.task_cpus:
        # Imported here: Ray Data takes a second, which workers that render in threads need not pay.
        from pipeline.data.render_tasks import TaskStream

        return TaskStream(planned, spec, transforms, seed, prepared, share.task_cpus, share.reserved, share.timeout_s)
    return ThreadStream(planned, spec, transforms, seed, prepared, share.num_threads, share.timeout_s)
