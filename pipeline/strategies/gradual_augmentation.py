"""Gradual augmentation: start with weak augmentation and grow it to full strength."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.index import EpochPlan
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Gradual augmentation",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Weaken crops and other augmentations of single images at first, and raise them to full strength linearly.",
    formula="strength(p) = from + (1 - from) min(1, p / until_frac)",
    paper=Paper(title="EfficientNetV2: Smaller Models and Faster Training", year=2021, arxiv="2104.00298"),
    helps_when="Strong augmentation slows the start; with progressive resizing, small images bear less of it.",
    pitfalls=(
        "Magnitudes shrink, and probabilities where there is no magnitude; mirroring and mixing stay as they are.",
        "At strength 0 the crop is the largest central one, a little wider than in evaluation.",
    ),
    defaults_from="Linear as in the paper, which ties it to image sizes; full strength after half of the epochs: ours.",
)


def strength_at(progress: float, from_strength: float, until_frac: float) -> float:
    """Share of the full strength at this share of training."""
    return from_strength + (1.0 - from_strength) * min(1.0, progress / until_frac)


class GradualAugmentation(Strategy["GradualAugmentationConfig"]):
    """Draws nothing."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        strength = strength_at(progress, self.config.from_strength, self.config.until_frac)
        return replace(plan, augment_strength=plan.augment_strength * strength)


class GradualAugmentationConfig(StrategyConfig):
    """Switches gradual augmentation on."""

    kind: Literal["gradual_augmentation"] = "gradual_augmentation"
    from_strength: float = Field(0.0, ge=0, le=1, description="share of the full strength in the first epoch")
    until_frac: float = Field(0.5, gt=0, le=1, description="share of the epochs after which it is at full strength")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = GradualAugmentation

    @classmethod
    def neutral(cls) -> Self:
        """At full strength from the start."""
        return cls(from_strength=1.0)
