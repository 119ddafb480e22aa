"""What a data set holds, before a pixel is read: ids, labels, splits and where the bytes are."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.data.draws import sample_key
from pipeline.spec.errors import DataError

Role = Literal["train", "val", "test"]
ROLES: tuple[Role, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """Rows that one task reads together. `where` is what the source's reader understands."""

    rows: tuple[int, ...]
    where: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """All samples of a data set. A row number is a position in these arrays."""

    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray  # [n] int64
    roles: np.ndarray  # [n] of "train" | "val" | "test"
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


def check_listing(listing: Listing, where: str) -> Listing:
    """Refuse data that cannot answer the question.

    Raises:
        DataError: fewer than two classes, an empty split, or a class that training or validation never sees.
    """
    names = listing.class_names
    if len(names) < 2:
        raise DataError(
            f"{where}: found {len(names)} class{'' if len(names) == 1 else 'es'} ({', '.join(names) or 'none'}), but a "
            "classifier needs at least two. Expected one folder (or label) per class; is `path` one level too deep?"
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
