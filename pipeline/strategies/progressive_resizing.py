"""Progressive resizing: start on small images, end on full ones."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.index import EpochPlan
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Progressive resizing",
    family="resolution",
    idea="Train the first epochs at a small size and grow linearly, then finish at full size: fewer pixels, less time.",
    formula="size(p) = from + (full - from) * min(1, p / (1 - final_frac)), rounded to a multiple",
    paper=Paper(
        title="Training ImageNet in 3 hours (DAWNBench entry)",
        year=2018,
        url="https://www.fast.ai/posts/2018-08-10-fastai-diu-imagenet.html",
    ),
    helps_when="Time matters: a step costs about in proportion to the pixels.",
    pitfalls=(
        "Evaluation is always at full size, so accuracy early in training looks worse than it is.",
        "Batch statistics differ between sizes: leave enough epochs at full size.",
    ),
    defaults_from="final_frac 0.25: MosaicML Composer's finetune fraction is 0.2.",
)


def size_at(progress: float, from_px: int, full_px: int, final_frac: float, multiple_px: int) -> int:
    """Image size in pixels at this share of training, a multiple of `multiple_px` and at most `full_px`."""
    grown = min(1.0, progress / (1.0 - final_frac))
    size = from_px + (full_px - from_px) * grown
    return full_px if grown == 1.0 else min(full_px, max(from_px, round(size / multiple_px) * multiple_px))


class ProgressiveResizing(Strategy["ProgressiveResizingConfig"]):
    """Draws nothing."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        c = self.config
        return replace(
            plan, image_size_px=size_at(progress, c.from_px, plan.image_size_px, c.final_frac, c.multiple_px)
        )


class ProgressiveResizingConfig(StrategyConfig):
    """Switches progressive resizing on."""

    kind: Literal["progressive_resizing"] = "progressive_resizing"
    from_px: int = Field(ge=4, description="size of the first epoch")
    final_frac: float = Field(0.25, ge=0, lt=1, description="share of the epochs at full size, at the end")
    multiple_px: int = Field(4, ge=1, description="sizes are rounded to a multiple of this")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ProgressiveResizing

    @classmethod
    def example(cls) -> Self:
        """Half the digits' size."""
        return cls(from_px=8)

    def fault(self, training: TrainingFields) -> str | None:
        """It must start smaller."""
        full = training.data.image_size_px
        return f"from_px={self.from_px} is above data.image_size_px={full}; lower it" if self.from_px > full else None
