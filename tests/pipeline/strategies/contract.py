"""What tests of strategies share: the inputs of the contract (pipeline/contract), and a config by its kind."""

from pipeline.contract.samples import (
    IMAGE_PX,
    NUM_CLASSES,
    NUM_EPOCHS,
    assert_same_batch,
    assert_same_index,
    context,
    make_batch,
    make_index,
    teacher_of,
)
from pipeline.strategies import CATALOGUE
from pipeline.strategies.base import StrategyConfig

__all__ = [
    "IMAGE_PX", "NUM_CLASSES", "NUM_EPOCHS", "assert_same_batch", "assert_same_index", "config_of", "context",
    "make_batch", "make_index", "teacher_of",
]  # fmt: skip


def config_of(kind: str) -> StrategyConfig:
    """The smallest valid config."""
    return CATALOGUE[kind].example()
