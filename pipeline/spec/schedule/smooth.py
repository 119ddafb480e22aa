"""Schedules that fall in one smooth course from the peak to the end of training, or stay."""

import math
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.spec.card import Card, Paper
from pipeline.spec.schedule.base import Warmup

CONSTANT = Card(
    title="Constant rate",
    family="schedules",
    idea="Keep the learning rate at its peak from the first step to the last.",
    formula="lr(t) = lr",
    helps_when="It is the control: what a decay is worth shows against it. Averaged weights (EMA, SWA) need no decay.",
    pitfalls=(
        "The last epoch is as noisy as any: accuracy at the end jumps from epoch to epoch.",
        "A rate that suits a decaying schedule is often too high to stay at.",
    ),
    defaults_from="no choice but the rate itself.",
)


class Constant(Warmup):
    """The peak rate throughout."""

    kind: Literal["constant"] = "constant"
    card: ClassVar[Card] = CONSTANT

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return 1.0


LINEAR = Card(
    title="Linear decay",
    family="schedules",
    idea="Lower the learning rate by the same amount at every step until the end.",
    formula="lr(t) = lr (1 - (1 - final_frac) t / T)",
    paper=Paper(title="Budgeted Training: Rethinking Deep Neural Network Training Under Resource Constraints",
                year=2019, arxiv="1905.04753"),
    helps_when="The budget is short and fixed: the course adapts to any budget and has nothing to tune.",
    pitfalls=("It spends less time near the peak than cosine does, so the best peak is somewhat higher.",),
    defaults_from="final_frac 0: down to nothing, as in the paper.",
)  # fmt: skip


class Linear(Warmup):
    """A straight line from the peak to `final_frac` of it."""

    kind: Literal["linear"] = "linear"
    final_frac: float = Field(0.0, ge=0, le=1, description="share of the peak at the end")
    card: ClassVar[Card] = LINEAR

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return 1.0 - (1.0 - self.final_frac) * t / total


POLYNOMIAL = Card(
    title="Polynomial decay",
    family="schedules",
    idea="Lower the learning rate as a power of the time that is left.",
    formula="lr(t) = lr (f + (1 - f) (1 - t / T)^power),  f = final_frac",
    paper=Paper(title="Large Batch Training of Convolutional Networks", year=2017, arxiv="1708.03888"),
    helps_when="Batches are large (power 2), or as the custom of segmentation networks (power 0.9).",
    pitfalls=("Power 1 is the linear schedule; below 1 the rate stays high and then drops steeply at the end.",),
    defaults_from="power 2: the paper's. torch's default is 1, timm's 0.5.",
)


class Polynomial(Warmup):
    """A power of the time left."""

    kind: Literal["polynomial"] = "polynomial"
    power: float = Field(2.0, gt=0, le=10, description="1 is a straight line")
    final_frac: float = Field(0.0, ge=0, le=1, description="share of the peak at the end")
    card: ClassVar[Card] = POLYNOMIAL

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return self.final_frac + (1.0 - self.final_frac) * (1.0 - t / total) ** self.power


EXPONENTIAL = Card(
    title="Exponential decay",
    family="schedules",
    idea="Multiply the learning rate by the same factor over every epoch, smoothly within it.",
    formula="lr(t) = lr factor^t,  t in epochs",
    paper=Paper(title="Rethinking the Inception Architecture for Computer Vision", year=2015, arxiv="1512.00567"),
    helps_when="The number of epochs is not known beforehand, since the course does not depend on it.",
    pitfalls=(
        "The course does not know the budget: 10 epochs end at 0.74 of the peak with the default, 300 at 0.0001.",
        "Other code decays once per epoch or every few; here it is continuous, with the same value at whole epochs.",
    ),
    defaults_from="factor 0.97: the paper's 0.94 over every second epoch.",
)


class Exponential(Warmup):
    """A constant factor per epoch."""

    kind: Literal["exponential"] = "exponential"
    factor: float = Field(0.97, gt=0, lt=1, description="what the rate is multiplied by over one epoch")
    card: ClassVar[Card] = EXPONENTIAL

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return self.factor**t


COSINE = Card(
    title="Cosine decay",
    family="schedules",
    idea="Lower the learning rate along half a cosine: slowly at first, fast in the middle, slowly at the end.",
    formula="lr(t) = lr (f + (1 - f) (1 + cos(pi t / T)) / 2),  f = final_frac",
    paper=Paper(title="SGDR: Stochastic Gradient Descent with Warm Restarts", year=2016, arxiv="1608.03983"),
    helps_when="Nearly always against a constant rate: the last epochs settle at a small rate.",
    pitfalls=(
        "The course is tied to the budget: a run of 100 epochs stopped at 50 is not a run of 50 epochs.",
        "Add warm-up for large batches, adaptive optimizers and transformers; that is then part of the effect.",
    ),
    defaults_from="one cycle without restarts down to 0, as in most recipes since; no warm-up unless asked for.",
)


class Cosine(Warmup):
    """Half a cosine from the peak to `final_frac` of it (Loshchilov & Hutter 2016, arXiv:1608.03983)."""

    kind: Literal["cosine"] = "cosine"
    final_frac: float = Field(0.0, ge=0, le=1, description="share of the peak at the end")
    card: ClassVar[Card] = COSINE

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return falling_cosine(t / total, self.final_frac)


def falling_cosine(done_frac: float, end: float, start: float = 1.0) -> float:
    """Half a cosine from `start` (nothing done) to `end` (all done)."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * done_frac))
