"""Decode every image once, shrink it, and keep it as uint8 where all trials, lanes and later invocations share it.

Ray Data reads and decodes; its tasks write the pixels to files in the cache and hand back only where they are.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data
from ray.exceptions import RayTaskError

from pipeline.data.decode import decode_rgb, shrink
from pipeline.data.listing import Listing, ReadChunk
from pipeline.data.prepared import BadImage, Prepared, is_complete, load_index, pixel_file, save_index
from pipeline.data.ray_data import our_context
from pipeline.data.sources import read
from pipeline.spec.base import content_hash
from pipeline.spec.data import AnyData
from pipeline.spec.errors import DataError, ProjectError, ResourceError
from pipeline.spec.printable import printable

DECODE_VERSION = 2  # raise it when the same bytes give other pixels
CHUNKS_PER_TASK = 16  # at most, so that a task that is run again loses little
BAD_IMAGES_SHOWN = 10
_WHERE = pa.schema(
    [
        ("row", pa.int64()),
        ("file", pa.int32()),
        ("offset", pa.int64()),
        ("height", pa.int64()),
        ("width", pa.int64()),
        ("error", pa.string()),
    ]
)


def prepared_key(spec: AnyData, listing: Listing) -> str:
    """Identity of prepared images: two data specs with the same key share them."""
    return content_hash([listing.fingerprint, spec.short_side_px, DECODE_VERSION])[:16]


def is_prepared(spec: AnyData, listing: Listing, cache: Path) -> bool:
    """Whether `prepare` would find the images in the cache, and so need no Ray."""
    return is_complete(_folder(spec, listing, cache))


def _folder(spec: AnyData, listing: Listing, cache: Path) -> Path:
    return cache / "prepared" / prepared_key(spec, listing)


def prepare(spec: AnyData, listing: Listing, cache: Path) -> Prepared:
    """The prepared images of all splits, from the cache or made now.

    Raises:
        DataError: images cannot be decoded and `on_bad_image` is "fail".
        ResourceError: the cache cannot be written.
    """
    folder = _folder(spec, listing, cache)
    try:
        with _only_one(folder):
            if not is_complete(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _make(spec, listing, folder)
    except OSError as error:
        raise disk_error(folder, error) from error
    prepared = load_index(folder)
    if prepared.bad and spec.on_bad_image == "fail":
        bad = prepared.bad
        shown = "\n".join(f"  {image.sample_id}: {image.reason}" for image in bad[:BAD_IMAGES_SHOWN])
        more = f"\n  ... and {len(bad) - BAD_IMAGES_SHOWN} more" if len(bad) > BAD_IMAGES_SHOWN else ""
        raise DataError(
            f"data.path: {len(bad)} of {len(listing.ids)} images cannot be decoded:\n{shown}{more}\n"
            "Mend or remove them, or set data.on_bad_image: skip to train without them (the report counts them)."
        )
    return prepared


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two studies may want the same images: the second waits, and finds them made. A lock dies with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(spec: AnyData, listing: Listing, folder: Path) -> None:
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    part.mkdir()
    our_context()
    # A task takes a handful of chunks, so that tasks outnumber CPUs but their start-up stays small.
    num_chunks, num_cpus = len(listing.chunks), int(ray.cluster_resources().get("CPU", 1))
    num_tasks = max(1, min(num_chunks, max(4 * num_cpus, num_chunks // CHUNKS_PER_TASK)))
    groups = [{"file": i, "chunks": part_of.tolist()} for i, part_of in
              enumerate(np.array_split(np.arange(num_chunks), num_tasks))]  # fmt: skip
    dataset = ray.data.from_items(groups, override_num_blocks=num_tasks).map_batches(
        _decode_task,  # type: ignore[arg-type] - fn_kwargs gives the other arguments
        fn_kwargs={"spec": spec, "chunks_ref": ray.put(listing.chunks), "folder": part},
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
    )
    try:
        tables = list(dataset.iter_batches(batch_size=None, batch_format="pyarrow"))
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)  # a disk that is full must not stay so
        if isinstance(error, RayTaskError) and isinstance(error.cause, ProjectError):
            raise error.cause from None  # a person needs the message, not the trace of a Ray Data task
        raise
    save_index(locate(pa.concat_tables(tables), listing, part))  # type: ignore[arg-type] - "pyarrow" gives tables
    part.replace(folder)


def _decode_task(table: pa.Table, *, spec: AnyData, chunks_ref: Any, folder: Path) -> Iterator[pa.Table]:
    chunks: tuple[ReadChunk, ...] = ray.get(chunks_ref)
    for group in table.to_pylist():
        yield decode_to_file(spec, [chunks[i] for i in group["chunks"]], folder, group["file"])


def decode_to_file(spec: AnyData, chunks: Sequence[ReadChunk], folder: Path, number: int) -> pa.Table:
    """Write the pixels of some chunks to one file. Returns where each row is, or why it could not be decoded."""
    where: list[dict[str, Any]] = []
    offset = 0
    try:
        with pixel_file(folder, number).open("wb") as file:
            for row, found in _decoded(spec, chunks):
                if isinstance(found, str):
                    where.append({"row": row, "file": -1, "offset": 0, "height": 0, "width": 0, "error": found})
                    continue
                height, width = found.shape[:2]
                file.write(found.data)
                where.append(
                    {"row": row, "file": number, "offset": offset, "height": height, "width": width, "error": None}
                )
                offset += found.nbytes
    except OSError as error:
        raise disk_error(folder, error) from error
    return pa.Table.from_pylist(where, schema=_WHERE)


def _decoded(spec: AnyData, chunks: Sequence[ReadChunk]) -> Iterator[tuple[int, np.ndarray | str]]:
    """Row number and pixels, or the reason why there are none."""
    small = spec.short_side_px
    for chunk in chunks:
        try:
            values = list(read(spec, chunk))
        except OSError as error:
            raise DataError(
                f"data.path: images that were listed cannot be read ({error}); restore the file from its source"
            ) from error
        for row, value in values:
            try:
                # An array is a source without files: its pixels are already there.
                yield row, shrink(value, small) if isinstance(value, np.ndarray) else decode_rgb(value, small)
            except Exception as error:  # decoders raise anything on hostile bytes; the policy decides what follows
                yield row, printable(f"{type(error).__name__}: {error}")[:300]


def locate(table: pa.Table, listing: Listing, folder: Path) -> Prepared:
    """Index arrays by row number from the tasks' answers, in whatever order they came."""
    row = table.column("row").to_numpy()
    columns = []
    for name, dtype in (("file", np.int32), ("offset", np.int64), ("height", np.int64), ("width", np.int64)):
        column = np.full(len(listing.ids), -1 if name == "file" else 0, dtype=dtype)
        column[row] = table.column(name).to_numpy()
        columns.append(column)
    errors = table.filter(table.column("error").is_valid()).select(["row", "error"]).to_pylist()
    bad = sorted((BadImage(listing.ids[e["row"]], e["error"]) for e in errors), key=lambda image: image.sample_id)
    return Prepared(folder, *columns, tuple(bad))


def disk_error(path: Path, error: OSError) -> ResourceError:
    """What to do when the cache cannot be written."""
    return ResourceError(
        f"prepared images cannot be written to {path}: {os.strerror(error.errno or 0)}. Free some disk, or choose "
        "another home with --home"
    )
