"""Rendering in Ray Data tasks, on CPUs set aside for them, here or on other nodes.

Why not streaming_split, shuffles or an actor pool: each was measured and lost (docs/LOG.md). Rows of this data
set are planned batches; tasks read the prepared images in place, and crop.
"""

import pickle
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import Prepared, reader_in
from pipeline.data.ray_data import our_context
from pipeline.data.render import render
from pipeline.data.transforms import RowTransform
from pipeline.spec.data import AnyData
from pipeline.spec.errors import StreamStalled

TASK_PIXELS = 4 << 20  # a task renders about this many pixels: long enough to hide its start-up
FIRST_TASK_PIXELS = 1 << 19  # the first tasks are short, so that training starts at once
LEG_BYTES = 192 << 20  # pixels rendered by one execution, and held by the worker; long enough to hide its start-up


def _render_tasks(
    table: pa.Table, *, spec: AnyData, transforms: Sequence[RowTransform], seed: int, folder: Path
) -> Iterator[pa.Table]:
    reader = reader_in(folder)
    for batch in pickle.loads(table.column("planned")[0].as_py()):
        pixels = render(batch, spec, transforms, seed, reader)
        ends = pa.py_buffer(np.asarray([0, pixels.nbytes], dtype=np.int64))
        # From buffers: the pixels are copied once, into the object store.
        column = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(pixels)])
        yield pa.table({"pixels": column})


def tasks(planned: Iterable[PlannedBatch]) -> Iterator[list[PlannedBatch]]:
    """Group consecutive batches into tasks of about TASK_PIXELS."""
    group: list[PlannedBatch] = []
    pixels, number = 0, 0
    for batch in planned:
        group.append(batch)
        pixels += batch.num_pixels
        if pixels >= (FIRST_TASK_PIXELS if number < 2 else TASK_PIXELS):
            yield group
            group, pixels, number = [], 0, number + 1
    if group:
        yield group


def legs(planned: Iterable[PlannedBatch]) -> Iterator[list[PlannedBatch]]:
    """Cut a plan into executions of about LEG_BYTES of pixels."""
    leg: list[PlannedBatch] = []
    num_bytes = 0
    for batch in planned:
        leg.append(batch)
        num_bytes += 3 * batch.num_pixels
        if num_bytes >= LEG_BYTES:
            yield leg
            leg, num_bytes = [], 0
    if leg:
        yield leg


def _leg_pixels(
    leg: list[PlannedBatch],
    spec: AnyData,
    transforms: Sequence[RowTransform],
    seed: int,
    folder: Path,
    num_cpus: float,
    reserved: PlacementGroup | None,
) -> Iterator[np.ndarray]:
    context = our_context()
    context.execution_options.preserve_order = True
    context.execution_options.resource_limits = ray.data.ExecutionResources(cpu=num_cpus)
    if reserved is not None:
        strategy = PlacementGroupSchedulingStrategy(reserved)
        context.scheduling_strategy = context.scheduling_strategy_large_args = strategy
    # One item a block, a block a task. (from_arrow would ask for a whole CPU to look at each table, and wait for it.)
    items = [{"planned": pickle.dumps(group, protocol=5)} for group in tasks(leg)]
    dataset = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        partial(_render_tasks, spec=spec, transforms=transforms, seed=seed, folder=folder),
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
        num_cpus=min(1.0, num_cpus),
    )
    planned = iter(leg)
    for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=2):
        for scalar in cast(pa.Table, table).column("pixels"):
            batch = next(planned)
            shape = (len(batch.rows), batch.size_px, batch.size_px, 3)
            yield np.frombuffer(scalar.as_buffer(), dtype=np.uint8).reshape(shape)


class TaskStream:
    """Runs ahead of whoever iterates.

    A thread of this process runs one leg after another, each to its end, and starts the next when half a leg is left.
    It never makes Ray Data wait: an execution whose output is not taken spins, and its thread then fights training for
    the interpreter's lock (docs/LOG.md). Close the stream when you stop early.
    """

    def __init__(
        self,
        planned: Iterable[PlannedBatch],
        spec: AnyData,
        transforms: Sequence[RowTransform],
        seed: int,
        prepared: Prepared,
        num_cpus: float,
        reserved: PlacementGroup | None,
        timeout_s: float,
    ) -> None:
        self._num_cpus, self._reserved, self._timeout_s = num_cpus, reserved, timeout_s
        self._ready: queue.SimpleQueue[tuple[PlannedBatch, np.ndarray] | BaseException | None] = queue.SimpleQueue()
        self._buffered_bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(
            target=self._run, args=(planned, spec, transforms, seed, prepared.folder), name="pixel-stream", daemon=True
        )
        self._thread.start()

    def _run(
        self,
        planned: Iterable[PlannedBatch],
        spec: AnyData,
        transforms: Sequence[RowTransform],
        seed: int,
        folder: Path,
    ) -> None:
        try:
            for leg in legs(planned):
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._buffered_bytes <= LEG_BYTES // 2)
                pixels = _leg_pixels(leg, spec, transforms, seed, folder, self._num_cpus, self._reserved)
                for item in zip(leg, pixels, strict=True):
                    self._count(item[1].nbytes)
                    self._ready.put(item)
                    if self._closed:
                        return
            self._ready.put(None)
        except BaseException as error:  # handed to the consumer, who raises it
            self._ready.put(error)

    def _count(self, num_bytes: int) -> None:
        with self._changed:
            self._buffered_bytes += num_bytes
            self._changed.notify_all()

    def __iter__(self) -> Iterator[tuple[PlannedBatch, np.ndarray]]:
        while True:
            try:
                item = self._ready.get(timeout=self._timeout_s)
            except queue.Empty:
                raise StreamStalled(
                    f"no batch arrived for {self._timeout_s:.0f} s. The usual cause: other work holds the CPUs. "
                    f"The stream's tasks (share: {self._num_cpus:g} CPU) cannot start: lower resources.lanes, "
                    "workers_per_trial or cpus_per_worker, or raise resources.data_cpus."
                ) from None
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            self._count(-item[1].nbytes)
            yield item

    def close(self) -> None:
        """Stop the execution and wait for its thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=30)
