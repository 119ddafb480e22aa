"""Tricks that no worker survives: one kills its process, one never ends, one needs more memory than there is."""

import os
import sys
import threading
from typing import ClassVar, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pipeline.spec.card import Card
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch, LossFn, LossTerms

CARD = Card(title="Doomed", family="custom", idea="Ends badly.", helps_when="In tests.")


class Poison(Strategy["PoisonConfig"]):
    """Aborts, as a fault in native code would."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        sys.stderr.write("about to drink\n")
        os.abort()


class PoisonConfig(StrategyConfig):
    kind: Literal["poison"] = "poison"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Poison


def never_arrives() -> None:
    """Ends with its process."""
    threading.Event().wait()


class Sleep(Strategy["SleepConfig"]):
    """One rank waits for something that never comes."""

    def after_step(self, model: nn.Module, step: int) -> None:
        rank = dist.get_rank() if dist.is_initialized() else 0
        if (rank, step) == (self.config.on_rank, self.config.at_step):
            never_arrives()


class SleepConfig(StrategyConfig):
    kind: Literal["sleep"] = "sleep"
    on_rank: int = 0
    at_step: int = 0
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Sleep


class Greedy(Strategy["GreedyConfig"]):
    """As if memory held the activations of so many images at most."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        def limited(outputs: Tensor, batch: Batch) -> LossTerms:
            if len(outputs) > self.config.holds:
                raise torch.OutOfMemoryError(f"CUDA out of memory: {len(outputs)} images")
            return loss_fn(outputs, batch)

        return limited


class GreedyConfig(StrategyConfig):
    kind: Literal["greedy"] = "greedy"
    holds: int = 8
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Greedy
