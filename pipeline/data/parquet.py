"""Parquet files in the Hugging Face image layout: `image: {bytes, path}` and a label."""

import hashlib
import json
import posixpath
from collections.abc import Iterator

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.files import list_files, open_place
from pipeline.data.image_folder import ROLE_FOLDERS, resolve_roles
from pipeline.data.listing import NOT_ASKED_FOR, Listing, ReadChunk, Role
from pipeline.spec.data import Parquet
from pipeline.spec.errors import DataError
from pipeline.spec.printable import printable

ROWS_PER_CHUNK = 2048
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)  # what pyarrow raises on bytes that are no Parquet
UNKNOWN_LABEL = -1  # what Hugging Face datasets writes where a split keeps its labels


def scan_parquet(spec: Parquet) -> Listing:
    """Read labels and row positions; the images stay on disk.

    Raises:
        DataError: no such file, a column is missing, or the labels cannot be used.
    """
    place = open_place(spec.path, "data.path")
    fs, root = place.fs, place.root
    if place.kind == "nothing":
        raise DataError(f"data.path: {spec.path!r} does not exist. Expected a .parquet file or a folder of them.")
    base = (posixpath.dirname(root) if place.kind == "file" else root).rstrip("/")
    found = None if place.kind == "file" else list_files(fs, root)
    files = [root] if found is None else [path for path in found.names if path.endswith(".parquet")]
    if not files:
        raise DataError(f"data.path: no .parquet file below {spec.path!r}.")
    ids: list[str] = []
    content: list[str] = []
    roles: list[Role | None] = []
    raw_labels: list[int | str] = []
    chunks: list[ReadChunk] = []
    names: tuple[str, ...] | None = None
    for path in files:
        relative = printable(path[len(base) + 1 :])
        schema, groups = _labels_in_file(fs, path, relative, spec)
        _check_labels(groups, relative)
        names = names or class_names_in_metadata(schema, spec.label_column)
        digest = _file_digest(fs, path)
        role = _role_of(relative)
        for group, labels in enumerate(groups):
            for start in range(0, len(labels), ROWS_PER_CHUNK):
                stop = min(start + ROWS_PER_CHUNK, len(labels))
                rows = tuple(range(len(ids) + start, len(ids) + stop))
                chunks.append(ReadChunk(rows, (spec.path, path, spec.image_column, group, start)))
            ids.extend(f"{relative}#{group}.{i}" for i in range(len(labels)))
            content.extend(f"{digest}.{group}.{i}" for i in range(len(labels)))
            roles.extend(role for _ in labels)
            raw_labels.extend(labels)
    if any(roles) and not all(roles):
        raise DataError(
            f"data.path: some files of {spec.path!r} name a split (train, val, test) and some do not: "
            f"{', '.join(files[:4])}. Name all of them, or none."
        )
    names, numbers = number_labels(raw_labels, names, spec)
    notes = list(found.notes) if found else []
    role_array = resolve_roles(tuple(ids), numbers, roles, spec.val_frac, spec.test_frac, notes)
    return Listing(names, tuple(ids), numbers, role_array, tuple(content), tuple(chunks), tuple(notes))


def _labels_in_file(
    fs: fsspec.AbstractFileSystem, path: str, relative: str, spec: Parquet
) -> tuple[pa.Schema, list[list[int | str]]]:
    """The schema, and the labels of each row group."""
    try:
        with fs.open(path, "rb") as handle:
            file = pq.ParquetFile(handle)
            _require_columns(file.schema_arrow, spec, relative)
            tables = (file.read_row_group(i, columns=[spec.label_column]) for i in range(file.num_row_groups))
            return file.schema_arrow, [table.column(0).to_pylist() for table in tables]
    except DAMAGED as error:
        raise DataError(
            f"data.path: {relative} cannot be read as Parquet ({error}); restore it from its source, or remove it"
        ) from error


def _check_labels(groups: list[list[int | str]], file: str) -> None:
    """Name the file whose rows have no label: often it is the test split of a contest, which keeps its labels."""
    num_rows = sum(len(labels) for labels in groups)
    missing = sum(label is None or label == UNKNOWN_LABEL for labels in groups for label in labels)
    if missing:
        raise DataError(
            f"data.label_column: {missing} of the {num_rows} rows of {file} have no label (nothing, or "
            f"{UNKNOWN_LABEL}). Add them, or leave {'the file' if missing == num_rows else 'the rows'} out; images "
            "without labels can be given as a folder, with data.unlabeled."
        )


def _require_columns(schema: pa.Schema, spec: Parquet, file: str) -> None:
    for field, column in (("image_column", spec.image_column), ("label_column", spec.label_column)):
        if column not in schema.names:
            raise DataError(
                f"data.{field}: {file} has no column {column!r}; its columns are {', '.join(schema.names)}."
            )


def class_names_in_metadata(schema: pa.Schema, label_column: str) -> tuple[str, ...] | None:
    """The names that Hugging Face datasets keeps in the schema's metadata, if they are there."""
    raw = (schema.metadata or {}).get(b"huggingface")
    if raw is None:
        return None
    feature = json.loads(raw).get("info", {}).get("features", {}).get(label_column, {})
    return tuple(printable(name) for name in feature["names"]) if feature.get("names") else None


def number_labels(
    raw: list[int | str], names: tuple[str, ...] | None, spec: Parquet
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names and labels 0..K-1.  Strings are numbered in sorted order."""
    kinds = {type(label) for label in raw}
    if kinds <= {str}:
        names = names or tuple(sorted(set(map(str, raw))))
        number = {name: i for i, name in enumerate(names)}
        unknown = sorted({str(label) for label in raw} - set(names))
        if unknown:
            raise DataError(f"data.label_column: labels {unknown[:5]} are not among the class names in the metadata.")
        return names, np.asarray([number[str(label)] for label in raw], dtype=np.int64)
    if not kinds <= {int}:
        raise DataError(f"data.label_column: expected integers or strings, found {sorted(k.__name__ for k in kinds)}.")
    labels = np.asarray(raw, dtype=np.int64)
    distinct = np.unique(labels)
    if names is None and labels.max() >= 10 * len(
        distinct
    ):  # a few classes without an image get a better message later
        raise DataError(
            f"data.label_column: {len(distinct)} different labels between {labels.min()} and {labels.max()}, and no "
            f"class names in {spec.path!r}. Expected the integers 0 to K - 1, or strings; is {spec.label_column!r} the "
            "right column?"
        )
    names = names or tuple(str(i) for i in range(int(labels.max()) + 1))
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"data.label_column: labels run from {labels.min()} to {labels.max()}, but there are "
            f"{len(names)} class names."
        )
    return names, labels


def _role_of(relative: str) -> Role | None:
    """`train-00001.parquet`, `data/validation.parquet`, `test/0.parquet` -> the split they name."""
    for part in reversed(relative.lower().removesuffix(".parquet").split("/")):
        head = part.replace("_", "-").replace(".", "-").split("-")[0]
        if head in ROLE_FOLDERS:
            return ROLE_FOLDERS[head]
    return None


def _file_digest(fs: fsspec.AbstractFileSystem, path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with fs.open(path, "rb") as handle:
        while block := handle.read(1 << 22):
            digest.update(bytes(block))  # type: ignore[arg-type] - opened as "rb"
    return digest.hexdigest()


def read_parquet(chunk: ReadChunk) -> Iterator[tuple[int, bytes]]:
    """Row number and image bytes of each row in the chunk.

    Raises:
        DataError: the file is damaged behind the labels that were listed.
    """
    url, path, column, group, start = chunk.where
    fs, _ = fsspec.core.url_to_fs(url)
    try:
        with fs.open(path, "rb") as handle:
            table = pq.ParquetFile(handle).read_row_group(group, columns=[column]).slice(start, len(chunk.rows))
    except DAMAGED as error:
        raise DataError(
            f"data.path: images of {printable(posixpath.basename(path))} that were listed cannot be read ({error}); "
            "restore the file from its source"
        ) from error
    for row, value in zip(chunk.rows, table.column(0).to_pylist(), strict=True):
        if row != NOT_ASKED_FOR:
            yield row, value["bytes"] if isinstance(value, dict) else value
