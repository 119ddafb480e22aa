"""Copies of an image, byte for byte: in training and in a split that judges it, or under two classes."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import fsspec
import numpy as np

from pipeline.data.files import is_local, is_of_bytes
from pipeline.data.listing import Listing, ReadChunk
from pipeline.data.parquet import read_parquet
from pipeline.spec.data import AnyData, Digits, ImageFolder, Parquet


@dataclass(frozen=True, slots=True)
class Copies:
    """Row numbers of one image and its copies."""

    rows: tuple[int, ...]


def duplicate_notes(listing: Listing, spec: AnyData) -> tuple[str, ...]:
    """What a plan says about copies: how many, and one of them."""
    groups = find_copies(image_digests(listing, spec))
    judged = [(row, _first(listing, group, "train")) for group in groups for row in group.rows if _judges(listing, row)]
    leaks = [(row, other) for row, other in judged if other is not None]
    torn = [group for group in groups if len({int(listing.labels[row]) for row in group.rows}) > 1]
    notes: list[str] = []
    if leaks:
        row, other = leaks[0]
        notes.append(
            f"{len(leaks)} of the images in val and test {_are(leaks)} byte for byte in train too, so scores on them "
            f"are too good: {listing.ids[row]} is {listing.ids[other]}{_more(leaks)}; remove one of each"
        )
    if torn:
        first = torn[0].rows[0]
        other = next(row for row in torn[0].rows if listing.labels[row] != listing.labels[first])
        notes.append(
            f"{len(torn)} {'image is' if len(torn) == 1 else 'images are'} in more than one class, byte for byte: "
            f"{listing.ids[first]} is {listing.ids[other]}{_more(torn)}; remove the wrong ones"
        )
    return tuple(notes)


def find_copies(digests: Sequence[str | None]) -> list[Copies]:
    """Images that are there more than once, in the order of their first row. None: not known."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        if digest is not None:
            rows_of[digest].append(row)
    return [Copies(tuple(rows)) for rows in rows_of.values() if len(rows) > 1]


def image_digests(listing: Listing, spec: AnyData) -> list[str | None]:
    """Per row, what is equal where the bytes are. None: no bytes, or they would have to be fetched first."""
    match spec:
        case ImageFolder():
            return [digest if is_of_bytes(digest) and digest != NO_BYTES else None for digest in listing.content]
        case Parquet():
            digests: list[str | None] = [None] * len(listing.ids)
            if is_local(fsspec.core.url_to_fs(spec.path)[0]):
                with ThreadPoolExecutor(4) as pool:  # pyarrow and blake2b work without the lock
                    for found in pool.map(_digests_in, listing.chunks):
                        for row, digest in found.items():
                            digests[row] = digest
            return digests
        case Digits():
            return [None] * len(listing.ids)


def _digest(image: bytes) -> str:
    return hashlib.blake2b(image, digest_size=16).hexdigest()


NO_BYTES = _digest(b"")  # of an empty file: decoding refuses it, once for each


def _digests_in(chunk: ReadChunk) -> dict[int, str]:
    return {row: _digest(image) for row, image in read_parquet(chunk) if image}


def _judges(listing: Listing, row: int) -> bool:
    return listing.roles[row] in ("val", "test")


def _first(listing: Listing, group: Copies, role: str) -> int | None:
    rows = np.asarray(group.rows)
    found = rows[listing.roles[rows] == role]
    return int(found[0]) if len(found) else None


def _are(found: Sequence[object]) -> str:
    return "is" if len(found) == 1 else "are"


def _more(found: Sequence[object]) -> str:
    return f", and {len(found) - 1} more" if len(found) > 1 else ""
