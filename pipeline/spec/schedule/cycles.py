"""Schedules that rise again: restarts, and one cycle over the whole training."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card, Paper
from pipeline.spec.schedule.base import ROUNDING_EPOCHS, Warmup
from pipeline.spec.schedule.smooth import falling_cosine

COSINE_RESTARTS = Card(
    title="Cosine with warm restarts",
    family="schedules",
    idea="Run down half a cosine again and again, each cycle longer than the one before.",
    formula="cycle i lasts first_epochs mult^i; within it lr (f + (decay^i - f) (1 + cos(pi t / length)) / 2)",
    paper=Paper(title="SGDR: Stochastic Gradient Descent with Warm Restarts", year=2016, arxiv="1608.03983"),
    helps_when="Good weights are wanted at several times of one run, as for a snapshot ensemble.",
    pitfalls=(
        "A training that ends in the middle of a cycle ends at a high rate. Whole cycles take first_epochs "
        "(mult^n - 1) / (mult - 1) epochs: 1, 3, 7, 15 ... times first_epochs when mult is 2.",
        "For the accuracy at the end, one cycle (kind: cosine) is usually at least as good.",
    ),
    defaults_from="mult 2: among the paper's best settings; restarts to the full peak (decay 1).",
)


class CosineRestarts(Warmup):
    """Cosine cycles."""

    kind: Literal["cosine_restarts"] = "cosine_restarts"
    first_epochs: float = Field(gt=0, description="length of the first cycle, from the end of the warm-up")
    mult: float = Field(2.0, ge=1, le=10, description="each cycle is this many times as long as the one before")
    final_frac: float = Field(0.0, ge=0, le=1, description="share of the peak at the end of each cycle")
    decay: float = Field(1.0, gt=0, le=1, description="each cycle's peak is this share of the one before")
    card: ClassVar[Card] = COSINE_RESTARTS

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(first_epochs=2)

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        length, peak = self.first_epochs, 1.0
        while t + ROUNDING_EPOCHS >= length:
            t, length, peak = t - length, length * self.mult, peak * self.decay
        return falling_cosine(t / length, self.final_frac, max(peak, self.final_frac))

    def fault(self, num_epochs: int) -> str | None:  # noqa: D102 - as its base
        left = num_epochs - self.warmup_epochs
        if 0 < left < self.first_epochs:
            return (
                f"schedule.first_epochs={self.first_epochs} is longer than the {left:g} epochs after the warm-up, so "
                "not even the first cycle would end; shorten it, or use kind: cosine"
            )
        return super().fault(num_epochs)


ONE_CYCLE = Card(
    title="One cycle",
    family="schedules",
    idea="Raise the learning rate from low to a high peak, then lower it to almost nothing; momentum goes inversely.",
    formula="lr: start_frac -> 1 over pct_start of the training, then 1 -> final_frac; momentum: high -> low -> high",
    paper=Paper(title="A disciplined approach to neural network hyper-parameters: Part 1", year=2018,
                arxiv="1803.09820"),
    helps_when="Budgets are short and the peak can be far above the rate that would be stable from the start.",
    pitfalls=(
        "Made for a peak several times higher than usual (find it with a range test); at the usual rate it is little "
        "more than cosine with a long warm-up.",
        "It replaces the optimizer's momentum (beta1 for Adam and its kin) by its own cycle: set momentum: null to see "
        "the rate's effect alone.",
    ),
    defaults_from="fastai's fit_one_cycle: rise over 25%, from 1/25 of the peak to 1/100,000, momentum 0.95-0.85-0.95.",
)  # fmt: skip


class MomentumCycle(Frozen):
    """Momentum while the rate cycles: `high` at both ends, `low` at the peak."""

    high: float = Field(0.95, ge=0, lt=1)
    low: float = Field(0.85, ge=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low={self.low} must not be above high={self.high}")
        return self


class OneCycle(Warmup):
    """One rise and one fall of the rate, momentum inversely (Smith 2018, arXiv:1803.09820)."""

    kind: Literal["one_cycle"] = "one_cycle"
    pct_start: float = Field(0.25, gt=0, lt=1, description="share of the training in which the rate rises")
    start_frac: float = Field(0.04, gt=0, le=1, description="share of the peak at the start")
    final_frac: float = Field(1e-5, ge=0, le=1, description="share of the peak at the end")
    anneal: Literal["cosine", "linear"] = "cosine"
    momentum: MomentumCycle | None = Field(MomentumCycle(), description="null: as the optimizer has it")
    card: ClassVar[Card] = ONE_CYCLE

    @model_validator(mode="after")
    def _rises_by_itself(self) -> Self:
        if self.warmup_epochs > 0:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs}, but one_cycle rises by itself; leave it out, and set pct_start "
                "and start_frac"
            )
        return self

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return self._course(t / total, self.start_frac, 1.0, self.final_frac)

    def momentum_at(self, epoch: float, num_epochs: int) -> float | None:  # noqa: D102 - as its base
        if self.momentum is None:
            return None
        return self._course(epoch / num_epochs, self.momentum.high, self.momentum.low, self.momentum.high)

    def _course(self, done_frac: float, start: float, middle: float, end: float) -> float:
        """From `start` to `middle` over `pct_start`, then to `end`."""
        if done_frac < self.pct_start:
            return self._anneal(done_frac / self.pct_start, start, middle)
        return self._anneal((done_frac - self.pct_start) / (1.0 - self.pct_start), middle, end)

    def _anneal(self, done_frac: float, start: float, end: float) -> float:
        if self.anneal == "cosine":
            return falling_cosine(done_frac, end, start)
        return start + (end - start) * done_frac
