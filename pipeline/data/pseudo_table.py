"""A teacher's labels for the unlabelled pool, as a table on disk: written once, read as ordinary data.

One row for each image of the pool: sample id, label, confidence and the run key of the teacher; with soft labels also
the probability of every class. The schema's metadata holds the version, the data's fingerprint and the class names.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.spec.errors import RecordError, ResourceError

TABLE_VERSION = 1
_META = b"pseudo_labels"


@dataclass(frozen=True, slots=True)
class PoolLabels:
    """What a teacher says about every image of the pool."""

    rows: np.ndarray  # [m] int64, row in the prepared data
    labels: np.ndarray  # [m] int64, its most probable class
    confidence: np.ndarray  # [m] float32, the probability of that class
    probs: np.ndarray | None = None  # [m, K] float32; None: only the labels were asked for


@dataclass(frozen=True, slots=True)
class TableKey:
    """Whose labels, of which images."""

    teacher: str  # run key
    fingerprint: str  # of the data
    class_names: tuple[str, ...]
    soft: bool

    def path(self, run_folder: Path) -> Path:
        """Where the table lies in the teacher's folder: one for each data set that it was asked about."""
        return run_folder / f"pseudo_labels-{self.fingerprint[:12]}{'-soft' if self.soft else ''}.parquet"


def write_table(path: Path, key: TableKey, found: PoolLabels, ids: tuple[str, ...]) -> None:
    """Whole or not at all.

    Args:
        path: of the file.
        key: goes along.
        found: the labels.
        ids: of all images of the data, by row.

    Raises:
        ResourceError: the disk refuses.
    """
    columns = {
        "sample_id": pa.array([ids[row] for row in found.rows.tolist()], pa.string()),
        "label": pa.array(found.labels, pa.int32()),
        "confidence": pa.array(found.confidence, pa.float32()),
        "teacher": pa.array([key.teacher] * len(found.rows), pa.string()).dictionary_encode(),
    }
    if found.probs is not None:
        flat = pa.array(found.probs.reshape(-1), pa.float32())
        columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, found.probs.shape[1])
    meta = {"version": TABLE_VERSION, "fingerprint": key.fingerprint, "class_names": key.class_names}
    table = pa.table(columns).replace_schema_metadata({_META: json.dumps(meta).encode()})
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError(f"pseudo-labels cannot be written to {path}: {error}. Free some disk") from error


def read_table(path: Path, key: TableKey, pool_rows: np.ndarray, ids: tuple[str, ...]) -> PoolLabels:
    """The labels of the pool, in the pool's order.

    Raises:
        RecordError: it is damaged, another teacher's or other data's, or names an image that is not in the pool.
    """
    advice = "Delete it: the next run that needs it asks the teacher again"
    try:
        table = pq.read_table(path)
        meta = json.loads((table.schema.metadata or {})[_META])
        names = table.column("sample_id").to_pylist()
        labels = table.column("label").to_numpy().astype(np.int64)
        confidence = table.column("confidence").to_numpy()
        teachers = set(table.column("teacher").to_pylist())
        probs = None
        if key.soft:
            flat = table.column("probabilities").combine_chunks().flatten()
            probs = flat.to_numpy(zero_copy_only=False).reshape(len(names), -1)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RecordError(f"pseudo-labels {path} cannot be read ({error}). {advice}") from error
    expected = {"version": TABLE_VERSION, "fingerprint": key.fingerprint, "class_names": list(key.class_names)}
    if meta != expected or teachers - {key.teacher}:
        raise RecordError(
            f"pseudo-labels {path} are of {meta} by {', '.join(sorted(teachers))}, but {expected} by {key.teacher} was "
            f"expected. {advice}"
        )
    number = {ids[row]: i for i, row in enumerate(pool_rows.tolist())}
    strange = [name for name in names if name not in number]
    if strange or len(names) != len(number):
        raise RecordError(
            f"pseudo-labels {path} have {len(names)} images, {len(strange)} of which are not in the pool of "
            f"{len(number)}{f' (e.g. {strange[0]!r})' if strange else ''}: no image that is judged, and none twice, "
            f"may get a label. {advice}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(key.class_names):
        raise RecordError(f"pseudo-labels {path}: labels outside 0..{len(key.class_names) - 1}. {advice}")
    order = np.argsort([number[name] for name in names])
    return PoolLabels(pool_rows, labels[order], confidence[order], None if probs is None else probs[order])
