"""Decode every image once, shrink it, and keep it as uint8 where all trials share it.

Ray Data reads, decodes and materializes. What stays is a list of object references (the blocks) and, for every
row, where its pixels are: small enough to hand to any worker, while the pixels are read in place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data

from pipeline.data.decode import decode_rgb, shrink
from pipeline.data.listing import Listing, ReadChunk
from pipeline.data.sources import read
from pipeline.spec.data import AnyData
from pipeline.spec.errors import DataError

BLOCK_BYTES = 32 << 20  # one block holds about this many bytes of pixels
BAD_IMAGES_SHOWN = 10
_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("pixels", pa.large_binary()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class BadImage:
    """An image that could not be decoded."""

    sample_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The prepared images. All arrays are indexed by row number of the listing."""

    blocks: tuple[Any, ...]  # object references to Arrow tables of _SCHEMA
    block_of_row: np.ndarray  # [n] int32, -1 where the image was bad
    place_in_block: np.ndarray  # [n] int32
    bad: tuple[BadImage, ...]
    num_bytes: int

    def usable(self, rows: np.ndarray) -> np.ndarray:
        """The rows that have pixels."""
        return rows[self.block_of_row[rows] >= 0]


class BlockPixels:
    """Views into one prepared block, without a copy."""

    def __init__(self, table: pa.Table) -> None:
        table = table if table.column("pixels").num_chunks == 1 else table.combine_chunks()
        column = table.column("pixels").chunk(0)
        _, offsets, data = column.buffers()
        self._offsets = np.frombuffer(offsets, dtype=np.int64)[column.offset :]
        self._data = np.frombuffer(data, dtype=np.uint8)
        self.heights = table.column("height").to_numpy()
        self.widths = table.column("width").to_numpy()

    def image(self, place: int) -> np.ndarray:
        """[H, W, 3] uint8, read-only."""
        flat = self._data[self._offsets[place] : self._offsets[place + 1]]
        return flat.reshape(self.heights[place], self.widths[place], 3)


def decode_chunk(spec: AnyData, chunk: ReadChunk) -> Iterator[dict[str, Any]]:
    """Read and decode the rows of one chunk; a bad image becomes a row with an error."""
    for row, value in read(spec, chunk):
        try:
            if isinstance(value, np.ndarray):
                pixels = shrink(value, spec.short_side_px)
            else:
                pixels = decode_rgb(value, spec.short_side_px)
        except Exception as error:  # decoders raise anything on hostile bytes; the policy decides what follows
            yield {
                "row": row,
                "height": 0,
                "width": 0,
                "pixels": b"",
                "error": f"{type(error).__name__}: {error}"[:300],
            }
            continue
        yield {
            "row": row,
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "pixels": pixels.tobytes(),
            "error": None,
        }


def _prepare_block(batch: dict[str, np.ndarray], *, spec: AnyData, chunks_ref: Any) -> Iterator[pa.Table]:
    chunks: tuple[ReadChunk, ...] = ray.get(chunks_ref)
    rows: list[dict[str, Any]] = []
    num_bytes = 0
    for number in batch["chunk"].tolist():
        for row in decode_chunk(spec, chunks[number]):
            rows.append(row)
            num_bytes += len(row["pixels"])
            if num_bytes >= BLOCK_BYTES:
                yield pa.Table.from_pylist(rows, schema=_SCHEMA)
                rows, num_bytes = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, schema=_SCHEMA)


def prepare(spec: AnyData, listing: Listing) -> Prepared:
    """Decode all splits into the object store.

    Raises:
        DataError: images cannot be decoded and `on_bad_image` is "fail".
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A task takes a handful of chunks, so that tasks outnumber CPUs but their start-up stays small.
    num_tasks = max(1, min(len(listing.chunks), 4 * int(ray.cluster_resources().get("CPU", 1))))
    chunks = ray.data.from_items([{"chunk": i} for i in range(len(listing.chunks))], override_num_blocks=num_tasks)
    dataset = chunks.map_batches(
        _prepare_block,  # type: ignore[arg-type] - fn_kwargs gives the other arguments
        fn_kwargs={"spec": spec, "chunks_ref": ray.put(listing.chunks)},
        batch_size=None,
        batch_format="numpy",
        zero_copy_batch=True,
    ).materialize()
    return locate(dataset, spec, listing)


def locate(dataset: Any, spec: AnyData, listing: Listing) -> Prepared:
    """Find every row's block and place, and apply the policy for bad images."""
    blocks = tuple(dataset.to_arrow_refs())
    block_of_row = np.full(len(listing.ids), -1, dtype=np.int32)
    place = np.zeros(len(listing.ids), dtype=np.int32)
    bad: list[BadImage] = []
    num_bytes = 0
    for number, table in enumerate(ray.get(list(blocks))):  # zero-copy: only the small columns are touched
        rows, heights = table.column("row").to_numpy(), table.column("height").to_numpy()
        good = heights > 0
        block_of_row[rows[good]] = number
        place[rows[good]] = np.flatnonzero(good)
        num_bytes += int((heights.astype(np.int64) * table.column("width").to_numpy() * 3).sum())
        errors = table.column("error")
        bad.extend(BadImage(listing.ids[rows[i]], errors[i].as_py()) for i in np.flatnonzero(~good).tolist())
    bad.sort(key=lambda image: image.sample_id)
    if bad and spec.on_bad_image == "fail":
        shown = "\n".join(f"  {image.sample_id}: {image.reason}" for image in bad[:BAD_IMAGES_SHOWN])
        more = f"\n  ... and {len(bad) - BAD_IMAGES_SHOWN} more" if len(bad) > BAD_IMAGES_SHOWN else ""
        raise DataError(
            f"{len(bad)} of {len(listing.ids)} images cannot be decoded:\n{shown}{more}\n"
            "Mend or remove them, or set data.on_bad_image: skip to train without them (the report counts them)."
        )
    return Prepared(blocks, block_of_row, place, tuple(bad), num_bytes)
