"""The unlabelled pool: training images whose labels are hidden, and a folder of images that never had any."""

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np

from pipeline.data.files import FileList, content_digests, list_files, open_place, unreadable_note
from pipeline.data.image_folder import EXTENSIONS, IMAGES_PER_CHUNK, is_image_name
from pipeline.data.listing import NO_LABEL, ROLES, FolderChunk, Listing
from pipeline.data.prepared import PixelReader, Prepared
from pipeline.spec.data import DataSpec
from pipeline.spec.errors import DataError

POOL_PREFIX = "unlabeled/"  # of the ids, so that no image of the folder is called like a labelled one
ROWS_AT_A_TIME = 1024


def with_pool(listing: Listing, spec: DataSpec) -> Listing:
    """The listing with the pool that the spec asks for.

    Raises:
        DataError: the folder of unlabelled images is missing or empty.
    """
    if spec.labeled_frac < 1:
        listing = hide_labels(listing, spec.labeled_frac)
    return listing if spec.unlabeled is None else with_folder(listing, spec.unlabeled, spec.on_bad_image)


def hide_labels(listing: Listing, labeled_frac: float) -> Listing:
    """Keep the labels of a share of each class's training images; the others go to the pool without theirs.

    Which ones is decided by the order of the ids' hashes: the same for every seed, and 5% is inside 10%.
    """
    order = np.asarray([hashlib.blake2b(f"labeled:{i}".encode(), digest_size=8).hexdigest() for i in listing.ids])
    labels, roles = listing.labels.copy(), listing.roles.copy()
    train = listing.rows("train")
    for label in np.unique(labels[train]):
        rows = train[listing.labels[train] == label]
        hidden = rows[np.argsort(order[rows], kind="stable")][max(1, round(labeled_frac * len(rows))) :]
        labels[hidden], roles[hidden] = NO_LABEL, "pool"
    num_kept = int((roles == "train").sum())
    note = f"{num_kept} of {len(train)} training images keep their label, the others are unlabelled (data.labeled_frac)"
    return replace(listing, labels=labels, roles=roles, notes=(*listing.notes, note))


def with_folder(listing: Listing, url: str, on_bad_image: Literal["fail", "skip"]) -> Listing:
    """The listing with all images below a folder, local or behind an fsspec URL, behind its own.

    Raises:
        DataError: there is no such folder, no image in it, or one that cannot be read and may not be skipped.
    """
    place = open_place(url, "data.unlabeled")
    fs = place.fs
    files = list_files(fs, place.root) if place.kind == "folder" else FileList({}, {})
    contents = content_digests(fs, [path for path, name in files.names.items() if is_image_name(name)], files)
    notes = [*files.notes, *unreadable_note(contents, files, on_bad_image, "data.unlabeled")]
    paths = sorted(contents.digests)
    if not paths:
        found = "holds no image" if place.kind == "folder" else "is not a folder"
        raise DataError(
            f"data.unlabeled: {url!r} {found}. Expected images ({' '.join(sorted(EXTENSIONS))}) in it, at any depth; "
            "folders are no classes here. Paths are relative to where the command is run."
        )
    first, number = len(listing.ids), len(paths)
    chunks = tuple(
        FolderChunk(
            tuple(range(first + i, first + min(i + IMAGES_PER_CHUNK, number))),
            (url, tuple(paths[i : i + IMAGES_PER_CHUNK])),
        )
        for i in range(0, number, IMAGES_PER_CHUNK)
    )
    return replace(
        listing,
        ids=(*listing.ids, *(POOL_PREFIX + files.names[path] for path in paths)),
        labels=np.concatenate([listing.labels, np.full(number, NO_LABEL)]),
        roles=np.concatenate([listing.roles, np.full(number, "pool", dtype="<U5")]),
        content=(*listing.content, *(contents.digests[path] for path in paths)),
        chunks=(*listing.chunks, *chunks),
        notes=(*listing.notes, f"{number} unlabelled images come from a folder of their own (data.unlabeled)", *notes),
    )


def not_evaluated(pool: np.ndarray, evaluated: np.ndarray, prepared: Prepared) -> np.ndarray:
    """The rows of the pool whose pixels are those of no evaluated image.

    A copy of a validation image under another name would let a method learn from what it is judged by. Pixels are
    compared after decoding, so that it is found in whatever file, and in whatever source, it lies.

    Args:
        pool: [m] int64, usable rows.
        evaluated: [n] int64, usable rows of val and test.
        prepared: the pixels.
    """
    known = set(_digests(evaluated, prepared))
    fresh = [digest not in known for digest in _digests(pool, prepared)]
    return pool[np.asarray(fresh, dtype=bool)]


def _digests(rows: np.ndarray, prepared: Prepared) -> list[bytes]:
    reader = PixelReader(prepared)
    digests: list[bytes] = []
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        for image in reader.images(rows[start : start + ROWS_AT_A_TIME]):
            digest = hashlib.blake2b(f"{image.shape}".encode(), digest_size=16)
            digest.update(image.tobytes())
            digests.append(digest.digest())
    return digests


def count_roles(listing: Listing) -> dict[str, int]:
    """Images of each split; of the pool where there is one."""
    counts = Counter(listing.roles.tolist())
    return {role: counts[role] for role in ROLES} | ({"pool": counts["pool"]} if counts["pool"] else {})
