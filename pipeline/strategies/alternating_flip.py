"""Alternating flip: mirror every image in every other epoch, instead of by chance."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

from pipeline.data.index import EpochPlan
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Alternating flip",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Mirror each image by chance in the first epoch and then in turns: two epochs show it both ways.",
    formula="flip(epoch) = coin(image) XOR (epoch mod 2)",
    paper=Paper(title="94% on CIFAR-10 in 3.29 Seconds on a Single GPU", year=2024, arxiv="2404.00498"),
    helps_when="Few epochs: random flips show half of the images the same way twice in a row.",
    pitfalls=("Over many epochs random flips even out by themselves, and the gain tends to nothing.",),
    defaults_from="The paper.",
)


class AlternatingFlip(Strategy["AlternatingFlipConfig"]):
    """Draws nothing: the coin belongs to the crop, and is the same in every epoch."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        return replace(plan, flip="alternating")


class AlternatingFlipConfig(StrategyConfig):
    """Switches alternating flips on."""

    kind: Literal["alternating_flip"] = "alternating_flip"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = AlternatingFlip

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """Digits are never mirrored; here they are."""
        augment = {"crop": {"kind": "random_resized_crop"}, "horizontal_flip_prob": 0.5}
        return {"data": {"kind": "digits", "augment": augment}}

    def fault(self, training: TrainingFields) -> str | None:
        """There must be flips to alternate."""
        if training.data.augment.horizontal_flip_prob == 0:
            return "data.augment.horizontal_flip_prob is 0, so there is nothing to alternate; set it to 0.5"
        return None
