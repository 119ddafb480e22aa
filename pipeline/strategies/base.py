"""The strategy protocol: named, typed hooks that do nothing unless overridden."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.spec.base import Frozen, derive_seed
from pipeline.spec.card import Card
from pipeline.types import Batch, LossTerms

LossFn = Callable[[Tensor, Batch], LossTerms]


@dataclass(frozen=True)
class Rng:
    """The random numbers of one strategy for one shard of one step (or for one sample set, by name).

    Draw scalars from `host`; tensors of noise are drawn there too, so a CPU and a GPU see the same numbers.
    """

    seed: int

    @classmethod
    def named(cls, *parts: int | str) -> "Rng":
        """The stream with this name."""
        return cls(derive_seed(*parts))

    @cached_property
    def host(self) -> np.random.Generator:
        """A fresh numpy generator."""
        return np.random.default_rng(self.seed)

    def permutation(self, n: int, device: torch.device) -> Tensor:
        """[n] int64 on the device."""
        return torch.from_numpy(self.host.permutation(n)).to(device)


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a strategy may know about the stage it works in."""

    seed: int
    num_classes: int
    num_epochs: int
    device: torch.device
    load_stage_model: Callable[[str], nn.Module]
    """Network of an earlier stage with its final weights, in eval mode, without gradients."""


class StrategyConfig(Frozen):
    """What a user writes to switch a strategy on. Subclasses set `kind`, `card` and `runtime`."""

    kind: str
    card: ClassVar[Card]
    runtime: ClassVar[type["Strategy[Any]"]]
    version: ClassVar[int] = 1
    """Part of every identity; raise it when the same config would give other numbers."""

    def needs(self) -> tuple[str, ...]:
        """Names of earlier stages whose weights this strategy reads."""
        return ()


C = TypeVar("C", bound=StrategyConfig)


class Strategy(Generic[C]):
    """One trick at work in one stage. Hooks return new values and never edit the caller's."""

    def __init__(self, config: C, context: StageContext) -> None:
        self.config = config
        self.context = context

    def stream_seed(self, seed: int) -> int:
        """The root of every random stream of this stage."""
        return seed

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:
        """Choose or relabel training samples, before any batch is planned."""
        return index

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:
        """Change how an epoch is drawn.  progress: share of the epochs already done, in [0, 1)."""
        return plan

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        """Change images or targets on the device; never `labels`."""
        return batch

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        """Change or add loss terms."""
        return loss_fn
