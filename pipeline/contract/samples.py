"""Small made-up inputs for single hooks, and what it means that two of them are the same."""

import numpy as np
import torch
from torch import nn

from pipeline.data.draws import sample_key
from pipeline.data.index import PoolRows, TrainIndex
from pipeline.data.pseudo_table import PoolLabels
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import ContractBroken
from pipeline.strategies.base import StageContext
from pipeline.tasks.classify import one_hot
from pipeline.types import Batch

NUM_CLASSES = 5
IMAGE_PX = 16
NUM_EPOCHS = 4
POOL_ROWS = 100_000 + np.arange(60)


def expect(holds: bool, otherwise: str) -> None:
    """One promise.

    Raises:
        ContractBroken: it is not kept, with what to say then.
    """
    if not holds:
        raise ContractBroken(otherwise)


def teacher_of(ref: object) -> nn.Module:
    """A fixed network that stands for any earlier stage."""
    del ref
    with torch.random.fork_rng():
        torch.manual_seed(99)
        return SmallCnnNet(NUM_CLASSES, 3, 0.0).eval().requires_grad_(False)


def labels_of_pool(name: str, soft: bool) -> PoolLabels:
    """What stands for an earlier stage's view of the pool of `make_index`."""
    del name
    probs = np.random.default_rng(7).dirichlet(np.full(NUM_CLASSES, 0.2), size=len(POOL_ROWS)).astype(np.float32)
    return PoolLabels(POOL_ROWS, probs.argmax(axis=1), probs.max(axis=1), probs if soft else None)


def context(seed: int = 1) -> StageContext:
    """A stage on the CPU."""
    names = tuple(f"class {label}" for label in range(NUM_CLASSES))
    return StageContext(seed, NUM_CLASSES, NUM_EPOCHS, torch.device("cpu"), teacher_of, labels_of_pool, names)


def make_batch(size: int = 8, seed: int = 0, num_unlabelled: int = 0) -> Batch:
    """Random images with hard targets, and unlabelled ones in two views."""
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(size, 3, IMAGE_PX, IMAGE_PX)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, NUM_CLASSES, size))
    views = [rng.normal(size=(num_unlabelled, *images.shape[1:])).astype(np.float32) for _ in range(2)]
    pool = tuple(map(torch.from_numpy, views)) if num_unlabelled else ()
    return Batch(images, labels, one_hot(labels, NUM_CLASSES), rows=torch.arange(size), pool=pool)


def make_index(size: int = 400) -> TrainIndex:
    """Samples with keys as real ones have, and a pool."""

    def keys(rows: np.ndarray) -> np.ndarray:
        return np.asarray([sample_key(f"image-{row}") for row in rows.tolist()], dtype=np.uint64)

    rows = np.arange(size)
    pool = PoolRows(POOL_ROWS, keys(POOL_ROWS))
    return TrainIndex(rows, keys(rows), rows % NUM_CLASSES, NUM_CLASSES, pool)


def assert_same_batch(a: Batch, b: Batch, otherwise: str = "differ") -> None:
    """Bit for bit."""
    for name in ("images", "labels", "targets"):
        expect(torch.equal(getattr(a, name), getattr(b, name)), f"{name}: {otherwise}")
    if a.weights is None or b.weights is None:
        expect(a.weights is b.weights, f"weights: {otherwise}")
    else:
        expect(torch.equal(a.weights, b.weights), f"weights: {otherwise}")


def assert_same_index(a: TrainIndex, b: TrainIndex, otherwise: str = "differ") -> None:
    """Bit for bit."""
    for name in ("rows", "keys", "labels"):
        expect(np.array_equal(getattr(a, name), getattr(b, name)), f"{name}: {otherwise}")
