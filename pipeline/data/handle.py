"""A data set ready to train on, as it is handed to workers."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.data.index import PoolRows, TrainIndex
from pipeline.data.listing import Listing, Role, check_listing
from pipeline.data.plan import EvalRows
from pipeline.data.pool import not_evaluated
from pipeline.data.prepared import Prepared


@dataclass(frozen=True, slots=True)
class DataHandle:
    """Index arrays by value, pixels by the files they are in."""

    fingerprint: str
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    train: TrainIndex
    evals: dict[Role, EvalRows]
    prepared: Prepared

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def pool(self) -> PoolRows:
        """Unlabelled images; none of them is in val or test, under this id or another."""
        return self.train.pool

    @property
    def num_skipped(self) -> int:
        """Images that could not be decoded."""
        return len(self.prepared.bad)


def make_handle(listing: Listing, prepared: Prepared) -> DataHandle:
    """Join what was listed with what could be decoded.

    Raises:
        DataError: without the images that could not be decoded, a class is missing.
    """
    if prepared.bad:
        left = replace(listing, roles=np.where(prepared.file_of_row >= 0, listing.roles, "skip"))
        check_listing(left, f"data, without the {len(prepared.bad)} images that cannot be decoded")
    keys = listing.keys()

    def rows(role: Role) -> EvalRows:
        usable = prepared.usable(listing.rows(role))
        return EvalRows(role, usable, keys[usable], listing.labels[usable])

    train = rows("train")
    evals: dict[Role, EvalRows] = {"val": rows("val"), "test": rows("test")}
    pool = prepared.usable(listing.rows("pool"))
    if len(pool):
        pool = not_evaluated(pool, np.concatenate([split.rows for split in evals.values()]), prepared)
    return DataHandle(
        fingerprint=listing.fingerprint,
        class_names=listing.class_names,
        ids=listing.ids,
        train=TrainIndex(train.rows, train.keys, train.labels, len(listing.class_names), PoolRows(pool, keys[pool])),
        evals=evals,
        prepared=prepared,
    )
