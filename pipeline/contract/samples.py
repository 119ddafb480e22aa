"""Small made-up inputs for single hooks, and what it means that two of them are the same."""

import numpy as np
import torch
from torch import nn

from pipeline.data.draws import sample_key
from pipeline.data.index import TrainIndex
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import ContractBroken
from pipeline.strategies.base import StageContext
from pipeline.tasks.classify import one_hot
from pipeline.types import Batch

NUM_CLASSES = 5
IMAGE_PX = 16
NUM_EPOCHS = 4


def expect(holds: bool, otherwise: str) -> None:
    """One promise.

    Raises:
        ContractBroken: it is not kept, with what to say then.
    """
    if not holds:
        raise ContractBroken(otherwise)


def teacher_of(name: str) -> nn.Module:
    """A fixed network that stands for any earlier stage."""
    del name
    with torch.random.fork_rng():
        torch.manual_seed(99)
        return SmallCnnNet(NUM_CLASSES, 3, 0.0).eval().requires_grad_(False)


def context(seed: int = 1) -> StageContext:
    """A stage on the CPU."""
    return StageContext(seed, NUM_CLASSES, NUM_EPOCHS, torch.device("cpu"), teacher_of)


def make_batch(size: int = 8, seed: int = 0) -> Batch:
    """Random images with hard targets."""
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(size, 3, IMAGE_PX, IMAGE_PX)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, NUM_CLASSES, size))
    return Batch(images, labels, one_hot(labels, NUM_CLASSES))


def make_index(size: int = 400) -> TrainIndex:
    """Samples with keys as real ones have."""
    keys = np.asarray([sample_key(f"image-{i}") for i in range(size)], dtype=np.uint64)
    return TrainIndex(np.arange(size), keys, np.arange(size) % NUM_CLASSES, NUM_CLASSES)


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
