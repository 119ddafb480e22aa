"""Repeated augmentation: several differently augmented copies of each sample in a batch."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.data.index import EpochPlan
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Repeated augmentation",
    family="augmentation",
    idea="Fill each batch with fewer samples, each of them several times with crops and distortions of its own.",
    formula="batch = M copies of B / M samples",
    paper=Paper(title="Augment your batch: better training with larger batches", year=2019, arxiv="1901.09335"),
    helps_when="Batches are large and augmentation is strong: gradients of one image's views vary less.",
    pitfalls=(
        "An epoch keeps its number of steps and shows only one in M of the samples: short schedules see less data.",
        "Batch statistics come from fewer different images; keep B / M well above 16.",
        "Copies draw their own crops, but mixing pairs may match a sample with itself.",
    ),
    defaults_from="num_repeats 2: the smallest that the paper tries (2 to 32); timm's vision transformers use 3.",
)


class RepeatedAugmentation(Strategy["RepeatedAugmentationConfig"]):
    """Draws nothing: copies have keys of their own, and so their own draws."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        return replace(plan, num_repeats=self.config.num_repeats)


class RepeatedAugmentationConfig(StrategyConfig):
    """Switches repeated augmentation on."""

    kind: Literal["repeated_augmentation"] = "repeated_augmentation"
    num_repeats: int = Field(2, ge=2, le=64, description="copies of each sample in a batch")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = RepeatedAugmentation

    def fault(self, training: TrainingFields) -> str | None:
        """Copies must fill the batch."""
        size, repeats = training.budget.batch_size, self.num_repeats
        if size % repeats:
            return (
                f"num_repeats={repeats} does not divide budget.batch_size={size}; take a divisor of it, or a batch of "
                f"{size - size % repeats or repeats}"
            )
        return None
