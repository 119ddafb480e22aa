"""Rendering in threads of the worker that trains."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import PixelReader, Prepared
from pipeline.data.render import render
from pipeline.data.transforms import RowTransform
from pipeline.spec.data import AnyData
from pipeline.spec.errors import StreamStalled

AHEAD_BYTES = 32 << 20  # pixels that wait for training
MIN_AHEAD = 2  # batches, however large


class ThreadStream:
    """A pool of threads works a few batches ahead of whoever iterates."""

    def __init__(
        self,
        planned: Iterable[PlannedBatch],
        spec: AnyData,
        transforms: Sequence[RowTransform],
        seed: int,
        prepared: Prepared,
        num_threads: int,
        timeout_s: float,
    ) -> None:
        self._planned = iter(planned)
        self._spec, self._transforms, self._seed = spec, transforms, seed
        self._reader = PixelReader(prepared)
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="pixels")
        self._num_ahead = MIN_AHEAD * num_threads
        self._ahead: deque[tuple[PlannedBatch, Future[np.ndarray]]] = deque()
        self._top_up()  # rendering starts at once

    def _top_up(self) -> None:
        waiting = sum(3 * batch.num_pixels for batch, _ in self._ahead)
        while len(self._ahead) < self._num_ahead or waiting < AHEAD_BYTES:
            batch = next(self._planned, None)
            if batch is None:
                return
            self._ahead.append(
                (batch, self._pool.submit(render, batch, self._spec, self._transforms, self._seed, self._reader))
            )
            waiting += 3 * batch.num_pixels

    def __iter__(self) -> Iterator[tuple[PlannedBatch, np.ndarray]]:
        while self._ahead:
            batch, pixels = self._ahead.popleft()
            self._top_up()
            try:
                yield batch, pixels.result(self._timeout_s)
            except TimeoutError:
                raise StreamStalled(
                    f"no batch arrived for {self._timeout_s:.0f} s. The prepared images lie in "
                    f"{self._reader.folder}: does that disk (or share) still answer?"
                ) from None

    def close(self) -> None:
        """Forget what was not rendered yet, and end the threads."""
        self._ahead.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)
