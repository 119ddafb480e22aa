"""What a data set holds, before a pixel is read: ids, labels, splits and where the bytes are."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pipeline.data.draws import sample_key
from pipeline.spec.errors import DataError

Role = Literal["train", "val", "test", "pool"]
ROLES: tuple[Role, ...] = ("train", "val", "test")  # those with labels
NOT_ASKED_FOR = -1
NO_LABEL = -1  # of an image of the pool


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """Rows that one task reads together. `where` is what the source's reader understands."""

    rows: tuple[int, ...]  # NOT_ASKED_FOR: the source has something there, but the listing left it out
    where: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class FolderChunk(ReadChunk):
    """Image files, whatever the source of the labelled images is.  where: the folder's URL, and the files' paths."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All samples of a data set. A row number is a position in these arrays."""

    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray  # [n] int64, NO_LABEL in the pool
    roles: np.ndarray  # [n] of "train" | "val" | "test" | "pool"
    content: tuple[str, ...]  # per sample: a digest of its bytes, or of what stands for them
    chunks: tuple[ReadChunk, ...]
    notes: tuple[str, ...] = ()

    def rows(self, role: Role) -> np.ndarray:
        """Row numbers of one split, [n] int64."""
        return np.flatnonzero(self.roles == role)

    def keys(self) -> np.ndarray:
        """The key of every sample's random draws, [n] uint64."""
        return np.asarray([sample_key(sample_id) for sample_id in self.ids], dtype=np.uint64)

    @property
    def fingerprint(self) -> str:
        """Identity of the data: ids, labels, splits and bytes; not where they lie."""
        digest = hashlib.sha256("\x1f".join(self.class_names).encode())
        for sample_id, label, role, content in sorted(
            zip(self.ids, self.labels.tolist(), self.roles.tolist(), self.content, strict=True)
        ):
            digest.update(f"{sample_id}\x1f{label}\x1f{role}\x1f{content}\x1e".encode())
        return digest.hexdigest()[:32]


def cut_splits(ids: Sequence[str], labels: np.ndarray, val_frac: float, test_frac: float) -> np.ndarray:
    """Assign roles per class by the order of the ids' hashes: stable, stratified, independent of file order."""
    roles = np.full(len(ids), "train", dtype="<U5")
    order = np.asarray([hashlib.blake2b(f"split:{i}".encode(), digest_size=8).hexdigest() for i in ids])
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(order[rows], kind="stable")]
        num_val, num_test = round(len(rows) * val_frac), round(len(rows) * test_frac)
        roles[rows[:num_val]] = "val"
        roles[rows[num_val : num_val + num_test]] = "test"
    return roles


def only_classes(listing: Listing, names: Sequence[str], where: str) -> Listing:
    """The listing without the samples of other classes. Labels are numbered anew, in the listing's order.

    Raises:
        DataError: there is no such class.
    """
    for name in names:
        if name not in listing.class_names:
            near = difflib.get_close_matches(name, listing.class_names, n=1, cutoff=0.4)
            shown = ", ".join(listing.class_names[:10]) + (" ..." if len(listing.class_names) > 10 else "")
            raise DataError(
                f"{where}: data.classes names {name!r}, but there is no such class; "
                + (f"did you mean {near[0]!r}?" if near else f"the {len(listing.class_names)} classes are {shown}")
            )
    kept_names = tuple(name for name in listing.class_names if name in set(names))
    number = np.asarray([kept_names.index(n) if n in kept_names else -1 for n in listing.class_names], dtype=np.int64)
    labels = number[listing.labels]
    kept = np.flatnonzero(labels >= 0)
    row = np.full(len(labels), NOT_ASKED_FOR)
    row[kept] = np.arange(len(kept))
    chunks = (ReadChunk(tuple(row[list(chunk.rows)].tolist()), chunk.where) for chunk in listing.chunks)
    return replace(
        listing,
        class_names=kept_names,
        ids=tuple(listing.ids[i] for i in kept),
        labels=labels[kept],
        roles=listing.roles[kept],
        content=tuple(listing.content[i] for i in kept),
        chunks=tuple(chunk for chunk in chunks if max(chunk.rows, default=NOT_ASKED_FOR) != NOT_ASKED_FOR),
        notes=(*listing.notes, f"{len(kept_names)} of {len(listing.class_names)} classes are used (data.classes)"),
    )


def check_listing(listing: Listing, where: str) -> Listing:
    """Refuse data that cannot answer the question.

    Raises:
        DataError: fewer than two classes, an empty split, a class of one image, or one that training or validation
            never sees.
    """
    names = listing.class_names
    if len(names) < 2:
        raise DataError(
            f"{where}: found {len(names)} class{'' if len(names) == 1 else 'es'} ({', '.join(names) or 'none'}), but a "
            "classifier needs at least two. Expected one folder (or label) per class; is `path` one level too deep?"
        )
    labelled = np.isin(listing.roles, ROLES)  # neither unlabelled nor left out
    counts = np.bincount(listing.labels[labelled], minlength=len(names))
    single = [name for name, count in zip(names, counts.tolist(), strict=True) if count == 1]
    if single:
        raise DataError(
            f"{where}: class {', '.join(map(repr, single[:5]))}{' ...' if len(single) > 5 else ''} has one image in "
            "all, but train and val need one each. Add images, remove the class everywhere, or name the other classes "
            "with data.classes."
        )
    for role in ("train", "val"):
        present = set(listing.labels[listing.rows(role)].tolist())
        missing = [names[i] for i in range(len(names)) if i not in present]
        if missing:
            raise DataError(
                f"{where}: {role} has no image of class {', '.join(map(repr, missing[:5]))}"
                f"{' ...' if len(missing) > 5 else ''}, but every class must be in train and val. Add images of "
                f"{'it' if len(missing) == 1 else 'them'} to {role}, remove the class everywhere, or (where splits are "
                "cut from train) raise val_frac."
            )
    return listing


def absent_in_test(listing: Listing) -> tuple[str, ...]:
    """A note on the classes that a test split is silent about."""
    test = listing.rows("test")
    present = set(listing.labels[test].tolist())
    absent = [name for label, name in enumerate(listing.class_names) if label not in present]
    if not len(test) or not absent:
        return ()
    shown = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
    return (f"test has no image of {len(absent)} of the {len(listing.class_names)} classes: {shown}",)
