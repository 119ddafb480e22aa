"""Strategies as users might write them: two that keep the contract, and for each promise one that breaks it."""

import os
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.data.index import TrainIndex
from pipeline.spec.card import Card
from pipeline.spec.links import StageRef
from pipeline.strategies.base import Decision, LossFn, Rng, Strategy, StrategyConfig, TrainingFields
from pipeline.types import Batch, LossTerms


def card(title: str, **fields: Any) -> Card:
    return Card(title=title, family="custom", idea="Does as its name says.", helps_when="In tests.", **fields)


class Brighten(Strategy["BrightenConfig"]):
    """Draws one number a batch."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, images=batch.images + self.config.strength * float(rng.host.normal()))


class BrightenConfig(StrategyConfig):
    kind: Literal["brighten"] = "brighten"
    strength: float = Field(0.5, ge=0, le=2)
    card: ClassVar[Card] = card("Brighten", clashes={"mixup": "they are too bright together"})
    runtime: ClassVar[type[Strategy]] = Brighten

    @classmethod
    def neutral(cls) -> Self:
        return cls(strength=0.0)


class Calm(Strategy["CalmConfig"]):
    """Shrinks gradients by their running size, which it remembers."""

    def __init__(self, config: "CalmConfig", context: Any) -> None:
        super().__init__(config, context)
        self.size = 0.0

    def before_step(self, model: nn.Module) -> None:
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        self.size = 0.9 * self.size + 0.1 * float(torch.stack([g.norm() for g in grads]).norm())
        for grad in grads:
            grad /= 1.0 + self.size

    def state_dict(self) -> dict[str, Any]:
        return {"size": self.size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.size = state["size"]


class CalmConfig(StrategyConfig):
    kind: Literal["calm"] = "calm"
    card: ClassVar[Card] = card("Calm")
    runtime: ClassVar[type[Strategy]] = Calm


class Forgetful(Calm):
    """Remembers, but not in a checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise AssertionError("nothing was saved")


class ForgetfulConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Forgetful


class Impatient(Calm):
    """Stops after the second evaluation that it remembers."""

    def after_eval(self, metrics: dict[str, float]) -> Decision:
        self.seen = getattr(self, "seen", 0) + 1
        return Decision.STOP if self.seen == 2 else Decision.GO_ON


class ImpatientConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Impatient


class Lonely(Strategy["LonelyConfig"]):
    """Each process does something else."""

    def after_step(self, model: nn.Module, step: int) -> None:
        for p in model.parameters():
            p.data += 1e-4 * (os.getpid() % 1009)


class LonelyConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Lonely


class LeftToChance(Strategy["LeftToChanceConfig"]):
    """Draws from torch's global generator."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, images=batch.images + torch.randn(1))


class LeftToChanceConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = LeftToChance


class InPlace(Strategy["InPlaceConfig"]):
    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        batch.images.mul_(0.5)
        return batch


class InPlaceConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = InPlace


class Relabel(Strategy["RelabelConfig"]):
    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, labels=(batch.labels + 1) % batch.targets.shape[1])


class RelabelConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Relabel


class Overfull(Strategy["OverfullConfig"]):
    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, targets=batch.targets * 2)


class OverfullConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Overfull


class Stranger(Strategy["StrangerConfig"]):
    def edit_dataset(self, index: TrainIndex) -> TrainIndex:
        return replace(index, rows=index.rows + 1)


class StrangerConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Stranger


class InPlaceRow:
    name = "in_place"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
        image[:] = 0
        return image


class InPlaceRows(Strategy["InPlaceRowsConfig"]):
    def row_transforms(self) -> tuple[InPlaceRow, ...]:
        return (InPlaceRow(),)


class InPlaceRowsConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = InPlaceRows


class Misspelt(Strategy["MisspeltConfig"]):
    def edit_bach(self, batch: Batch, rng: Rng) -> Batch:
        return batch


class MisspeltConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Misspelt


class HalfMemory(Strategy["HalfMemoryConfig"]):
    def state_dict(self) -> dict[str, Any]:
        return {"a": 1}


class HalfMemoryConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = HalfMemory


class Explodes(Strategy["ExplodesConfig"]):
    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        return lambda logits, batch: {"loss": loss_fn(logits, batch)["cross_entropy"] * float("inf")}


class ExplodesConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Explodes


class Severed(Strategy["SeveredConfig"]):
    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        def without_gradient(logits: Tensor, batch: Batch) -> LossTerms:
            return loss_fn(logits.mean(dim=1, keepdim=True).expand_as(logits) + 0.0 * logits, batch)

        return without_gradient


class SeveredConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Severed


class Crashes(Strategy["CrashesConfig"]):
    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, images=batch.images @ torch.ones(3))  # no such shape


class CrashesConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Crashes


class NeverIdle(Brighten):
    """Its neutral limit is none."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        return replace(batch, images=batch.images + 0.1)


class NeverIdleConfig(BrightenConfig):
    runtime: ClassVar[type[Strategy]] = NeverIdle


class TooWeakConfig(BrightenConfig):
    @classmethod
    def example(cls) -> Self:
        return cls(strength=0.0)


class NoExampleConfig(CalmConfig):
    share: float


class NeverFitsConfig(CalmConfig):
    def fault(self, training: TrainingFields) -> str | None:
        return f"{training.model.kind} is no network for it; take another"


class BadCardConfig(CalmConfig):
    card: ClassVar[Card] = Card(title="Bad card", family="custom", idea="no full stop", helps_when="Never.")


class Follows(Strategy["FollowsConfig"]):
    """Pulls the logits towards those of an earlier stage."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        guide = self.context.load_stage_model(self.config.guide.stage)

        def followed(logits: Tensor, batch: Batch) -> LossTerms:
            return {**loss_fn(logits, batch), "apart": 0.01 * (logits - guide(batch.images)).square().mean()}

        return followed


class FollowsConfig(StrategyConfig):
    """Reads an earlier stage, and names another in a field of its own."""

    kind: Literal["follows"] = "follows"
    card: ClassVar[Card] = card("Follows")
    runtime: ClassVar[type[Strategy]] = Follows
    guide: StageRef = StageRef(stage="teacher")
    other: str = "extra"
    version: ClassVar[int] = 3

    def needs(self) -> tuple[str, ...]:
        return (self.guide.stage, self.other)


class Owner(Strategy["OwnerConfig"]):
    def eval_model(self, model: nn.Module) -> nn.Module:
        return model


class OwnerConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Owner


class SecondOwnerConfig(CalmConfig):
    runtime: ClassVar[type[Strategy]] = Owner


class NoCardConfig(StrategyConfig):
    kind: Literal["no_card"] = "no_card"
    runtime: ClassVar[type[Strategy]] = Calm


class NoRuntimeConfig(StrategyConfig):
    kind: Literal["no_runtime"] = "no_runtime"
    card: ClassVar[Card] = card("No runtime")


class NoKindConfig(StrategyConfig):
    card: ClassVar[Card] = card("No kind")
    runtime: ClassVar[type[Strategy]] = Calm


NOT_A_CLASS = 3
