"""The handwritten digits that ship with scikit-learn: real images without a network."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.data.listing import NOT_ASKED_FOR, Listing, ReadChunk, cut_splits
from pipeline.spec.data import Digits

MAX_INTENSITY = 16  # the set counts dark pixels of a 4x4 block: 0..16


def scan_digits(spec: Digits) -> Listing:
    """1,797 digits, val and test by hash, train cut down to `num_train` (also by hash, per class)."""
    labels = _load().target.astype(np.int64)
    ids = [f"digit-{i:04d}" for i in range(len(labels))]
    roles = cut_splits(ids, labels, spec.val_frac, spec.test_frac)
    pool = np.flatnonzero(roles == "train")
    frac = min(1.0, spec.num_train / len(pool))
    chosen = cut_splits([f"train:{ids[i]}" for i in pool], labels[pool], frac, 0.0)
    keep = np.ones(len(ids), dtype=bool)
    keep[pool[chosen != "val"]] = False  # the rest of the pool is not used
    used = np.flatnonzero(keep)
    return Listing(
        class_names=tuple(str(i) for i in range(10)),
        ids=tuple(ids[i] for i in used),
        labels=labels[used],
        roles=roles[used],
        content=tuple(f"optdigits.{i}" for i in used),
        chunks=(ReadChunk(tuple(range(len(used))), (tuple(used.tolist()),)),),
    )


def read_digits(chunk: ReadChunk) -> Iterator[tuple[int, np.ndarray]]:
    """Row number and pixels [8, 8, 3] uint8 of each digit."""
    images = _load().images
    for row, number in zip(chunk.rows, chunk.where[0], strict=True):
        if row == NOT_ASKED_FOR:
            continue
        grey = np.round(images[number] * (255 / MAX_INTENSITY)).astype(np.uint8)
        yield row, np.repeat(grey[:, :, None], 3, axis=2)


def _load() -> Any:
    # Imported late: every data task imports this module, and scikit-learn takes a second.
    from sklearn.datasets import load_digits

    return load_digits()
