"""The digits without Ray: prepared in this process, rendered when they are asked for."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pytest

from pipeline.data import handle
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepare import _SCHEMA, BlockPixels, Prepared, decode_chunk
from pipeline.data.render import render
from pipeline.data.sources import scan
from pipeline.data.stream import StreamShare
from pipeline.spec.data import AnyData, Digits
from pipeline.training import loop, timing


def digits_in_memory() -> DataHandle:
    """A handle whose `prepared` is the value itself instead of a reference."""
    spec = Digits()
    listing = scan(spec)
    rows = [row for chunk in listing.chunks for row in decode_chunk(spec, chunk)]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    places = np.empty(len(listing.ids), dtype=np.int32)
    places[[row["row"] for row in rows]] = np.arange(len(rows))
    prepared = Prepared((table,), np.zeros(len(listing.ids), dtype=np.int32), places, (), table.nbytes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handle.ray, "put", lambda value: value)
        return make_handle(listing, prepared)


class InlineStream:
    """What PixelStream promises, one batch after the other."""

    def __init__(
        self, planned: Iterable[PlannedBatch], spec: AnyData, seed: int, prepared: Prepared, share: StreamShare
    ) -> None:
        self._planned, self._spec, self._seed, self._prepared = planned, spec, seed, prepared
        self._blocks = [BlockPixels(table) for table in prepared.blocks]

    def __iter__(self) -> Iterator[tuple[PlannedBatch, np.ndarray]]:
        for batch in self._planned:
            yield batch, render(batch, self._spec, self._seed, self._prepared, self._blocks.__getitem__)

    def close(self) -> None:
        """Nothing runs ahead."""


def without_ray(patch: pytest.MonkeyPatch) -> None:
    """Training and timing take their pixels from an InlineStream."""
    patch.setattr(loop, "PixelStream", InlineStream)
    patch.setattr(timing, "PixelStream", InlineStream)
