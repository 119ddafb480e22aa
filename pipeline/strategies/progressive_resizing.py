"""Progressive resizing: start on small images, end on full ones."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.data.index import EpochPlan
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Progressive resizing",
    family="resolution",
    idea="Train the first epochs at a small size and grow, then finish at full size: fewer pixels, less time.",
    formula="size(p) = from + (full - from) * min(1, p / (1 - final_frac)), in stairs if asked, rounded to a multiple; "
    "batch(p) = batch * floor((full / size(p))^2), rate(p) in proportion, if asked",
    paper=Paper(
        title="Training ImageNet in 3 hours (DAWNBench entry)",
        year=2018,
        url="https://www.fast.ai/posts/2018-08-10-fastai-diu-imagenet.html",
    ),
    helps_when="Time matters: a step costs about in proportion to the pixels.",
    pitfalls=(
        "Evaluation is always at full size, so accuracy early in training looks worse than it is.",
        "Batch statistics differ between sizes: leave enough epochs at full size.",
        "Larger batches of small images take fewer steps, at a rate in proportion: a rule for SGD, and too high "
        "elsewhere; lower max_batch_factor then.",
    ),
    defaults_from="final_frac 0.25: MosaicML Composer's finetune fraction is 0.2. The rate grows with the batch as in "
    "arXiv:1706.02677.",
)


def size_at(
    progress: float, from_px: int, full_px: int, final_frac: float, multiple_px: int, num_steps: int | None = None
) -> int:
    """Image size in pixels at this share of training, a multiple of `multiple_px` and at most `full_px`.

    num_steps: stairs before the full size, equally long and high; None: a little every epoch.
    """
    grown = min(1.0, progress / (1.0 - final_frac))
    if num_steps is not None:
        grown = int(grown * num_steps) / num_steps
    size = from_px + (full_px - from_px) * grown
    return full_px if grown == 1.0 else min(full_px, max(from_px, round(size / multiple_px) * multiple_px))


def batch_factor(size_px: int, full_px: int, most: int) -> int:
    """How many batches of small images make one, without more pixels (and memory) than a batch at full size has.

    A whole number, so that what grew can be cut into shards, and filled with copies, as the usual batch can.
    """
    return min(most, full_px**2 // size_px**2)


class ProgressiveResizing(Strategy["ProgressiveResizingConfig"]):
    """Draws nothing."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        size = self.config.size_at(progress, plan.image_size_px)
        factor = self.config.batch_factor(size, plan.image_size_px)
        return replace(plan, image_size_px=size, batch_size=plan.batch_size * factor, lr_scale=plan.lr_scale * factor)


class ProgressiveResizingConfig(StrategyConfig):
    """Switches progressive resizing on."""

    kind: Literal["progressive_resizing"] = "progressive_resizing"
    from_px: int = Field(ge=4, description="size of the first epoch")
    final_frac: float = Field(0.25, ge=0, lt=1, description="share of the epochs at full size, at the end")
    multiple_px: int = Field(4, ge=1, description="sizes are rounded to a multiple of this")
    shape: Literal["linear", "steps"] = Field("linear", description="a little every epoch, or in equal stairs")
    num_steps: int | None = Field(None, ge=1, description="with shape: steps, the sizes before the full one")
    batch: Literal["fixed", "by_pixels"] = Field(
        "fixed", description="by_pixels: small images come in whole multiples of the batch, at a rate in proportion"
    )
    max_batch_factor: int = Field(4, ge=1, description="with batch: by_pixels, at most this many times the batch")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ProgressiveResizing

    @model_validator(mode="after")
    def _steps_are_counted(self) -> Self:
        if (self.shape == "steps") != (self.num_steps is not None):
            raise ValueError(
                f"num_steps goes with shape: steps, but got shape: {self.shape} and num_steps: {self.num_steps}"
            )
        return self

    def size_at(self, progress: float, full_px: int) -> int:
        """Image size in pixels at this share of training."""
        return size_at(progress, self.from_px, full_px, self.final_frac, self.multiple_px, self.num_steps)

    def batch_factor(self, size_px: int, full_px: int) -> int:
        """How many batches make one at this size."""
        return batch_factor(size_px, full_px, self.max_batch_factor) if self.batch == "by_pixels" else 1

    def largest_batch_factor(self, full_px: int) -> int:
        """The same in the first epoch, when it is largest."""
        return self.batch_factor(self.size_at(0.0, full_px), full_px)

    @classmethod
    def example(cls) -> Self:
        """Half the digits' size."""
        return cls(from_px=8)

    @classmethod
    def neutral(cls) -> Self:
        """The digits' size from the start."""
        return cls(from_px=16)

    def fault(self, training: TrainingFields) -> str | None:
        """It must start smaller."""
        full = training.data.image_size_px
        return f"from_px={self.from_px} is above data.image_size_px={full}; lower it" if self.from_px > full else None
