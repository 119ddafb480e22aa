"""One place that knows all data sources: scan lists the samples, read gives their bytes."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipeline.data.digits import read_digits, scan_digits
from pipeline.data.duplicates import duplicate_notes
from pipeline.data.image_folder import read_image_folder, scan_image_folder
from pipeline.data.listing import FolderChunk, Listing, ReadChunk, absent_in_test, check_listing, only_classes
from pipeline.data.parquet import read_parquet, scan_parquet
from pipeline.data.pool import with_pool
from pipeline.spec.data import AnyData, Digits, ImageFolder, Parquet


def scan(spec: AnyData) -> Listing:
    """List the samples of any source, of the classes that the spec asks for, with the unlabelled pool.

    Raises:
        DataError: the data is not there, or not what the spec says.
    """
    where = "digits" if isinstance(spec, Digits) else f"data.path {spec.path!r}"
    listing = _scan_all(spec)
    listing = listing if spec.classes is None else only_classes(listing, spec.classes, where)
    listing = check_listing(listing, where)
    notes = (*listing.notes, *absent_in_test(listing), *duplicate_notes(listing, spec))
    return with_pool(replace(listing, notes=notes), spec)


def _scan_all(spec: AnyData) -> Listing:
    match spec:
        case ImageFolder():
            return scan_image_folder(spec)
        case Parquet():
            return scan_parquet(spec)
        case Digits():
            return scan_digits(spec)


def read(spec: AnyData, chunk: ReadChunk) -> Iterator[tuple[int, bytes | np.ndarray]]:
    """Row numbers with file bytes, or with pixels where the source has no file."""
    if isinstance(chunk, FolderChunk):
        return read_image_folder(chunk)
    match spec:
        case ImageFolder():
            return read_image_folder(chunk)
        case Parquet():
            return read_parquet(chunk)
        case Digits():
            return read_digits(chunk)
