"""Schedules that stay at one rate for a while and then drop: at fixed times, on a plateau, or near the end."""

import math
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.card import Card, Paper
from pipeline.spec.schedule.base import ROUNDING_EPOCHS, Warmup

STEP = Card(
    title="Step decay",
    family="schedules",
    idea="Multiply the learning rate by a factor every so many epochs.",
    formula="lr(t) = lr factor^floor(t / every_epochs),  t since the start of training",
    paper=Paper(title="Going Deeper with Convolutions", year=2014, arxiv="1409.4842"),
    helps_when="Results must be comparable with the ResNet recipes of 90 epochs (a tenth every 30).",
    pitfalls=(
        "The first long stretch gains little after its first half; cosine usually ends higher at the same budget.",
        "Epochs are counted from the start of training, warm-up included.",
    ),
    defaults_from="factor 0.1: torch's and the ResNet recipes'. The interval depends on your budget.",
)


class Step(Warmup):
    """A drop at equal intervals."""

    kind: Literal["step"] = "step"
    every_epochs: float = Field(gt=0, description="interval, counted from the start of training")
    factor: float = Field(0.1, gt=0, lt=1, description="what each drop multiplies the rate by")
    card: ClassVar[Card] = STEP

    @model_validator(mode="after")
    def _rises_before_it_drops(self) -> Self:
        if self.warmup_epochs > self.every_epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} is longer than every_epochs={self.every_epochs}, so the first "
                "drop would come before the peak; shorten the warm-up"
            )
        return self

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(every_epochs=10)

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return self.factor ** math.floor((t + self.warmup_epochs + ROUNDING_EPOCHS) / self.every_epochs)

    def fault(self, num_epochs: int) -> str | None:  # noqa: D102 - as its base
        if self.every_epochs >= num_epochs:
            return (
                f"schedule.every_epochs={self.every_epochs} is not below budget.epochs={num_epochs}, so the rate would "
                "never drop; choose a shorter interval, or kind: constant"
            )
        return super().fault(num_epochs)


MULTI_STEP = Card(
    title="Multi-step decay",
    family="schedules",
    idea="Multiply the learning rate by a factor at each of a few chosen times.",
    formula="lr(t) = lr factor^(number of times passed)",
    paper=Paper(title="Deep Residual Learning for Image Recognition", year=2015, arxiv="1512.03385"),
    helps_when="Results must be comparable with the CIFAR recipes of ResNets (a tenth at 50% and at 75%).",
    pitfalls=(
        "Two numbers to tune for each budget, where cosine has none.",
        "Times are counted from the start of training, warm-up included.",
    ),
    defaults_from="factor 0.1: the paper's, at 32,000 and 48,000 of 64,000 steps. The times have no default.",
)


class MultiStep(Warmup):
    """Drops at chosen times, given as epochs or as shares of the budget."""

    kind: Literal["multi_step"] = "multi_step"
    at_fracs: tuple[float, ...] | None = Field(None, min_length=1, description="shares of the budget, as 0.5, 0.75")
    at_epochs: tuple[float, ...] | None = Field(None, min_length=1, description="instead: epochs since the start")
    factor: float = Field(0.1, gt=0, lt=1, description="what each drop multiplies the rate by")
    card: ClassVar[Card] = MULTI_STEP

    @model_validator(mode="after")
    def _one_list_in_order(self) -> Self:
        given = {n: v for n, v in (("at_fracs", self.at_fracs), ("at_epochs", self.at_epochs)) if v is not None}
        if len(given) != 1:
            raise ValueError(
                "give the times once: either at_fracs (shares of the budget, as [0.5, 0.75]) or at_epochs "
                f"(as [15, 22]), not {'both' if given else 'neither'}"
            )
        ((name, times),) = given.items()
        top = 1.0 if name == "at_fracs" else math.inf
        if not all(0 < time < top for time in times) or list(times) != sorted(set(times)):
            below = "between 0 and 1" if name == "at_fracs" else "above 0"
            raise ValueError(f"{name}={list(times)}: expected rising times {below}")
        return self

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(at_fracs=(0.5, 0.75))

    def times(self, num_epochs: float) -> tuple[float, ...]:
        """When it drops, in epochs since the start of training."""
        return self.at_epochs or tuple(frac * num_epochs for frac in self.at_fracs or ())

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        now = t + self.warmup_epochs + ROUNDING_EPOCHS
        return self.factor ** sum(time <= now for time in self.times(total + self.warmup_epochs))

    def fault(self, num_epochs: int) -> str | None:  # noqa: D102 - as its base
        times = self.times(num_epochs)
        if times[-1] >= num_epochs:
            return (
                f"schedule.at_epochs={list(times)}: the last is not below budget.epochs={num_epochs}, so it would "
                "never come; give at_fracs, or earlier epochs"
            )
        if self.warmup_epochs > times[0]:
            return (
                f"schedule.warmup_epochs={self.warmup_epochs} ends after the first drop at epoch {times[0]:g}; shorten "
                "the warm-up"
            )
        return super().fault(num_epochs)


PLATEAU = Card(
    title="Reduce on plateau",
    family="schedules",
    idea="Lower the learning rate when a validation metric has not improved for a while.",
    formula="lr <- max(factor lr, min_frac peak) after more than `patience` evaluations without a gain of min_delta",
    paper=Paper(title="Deep Residual Learning for Image Recognition", year=2015, arxiv="1512.03385"),
    helps_when="Nobody knows how long the training needs, and there is time to wait.",
    pitfalls=(
        "Validation steers the training, so that its score flatters this arm a little; the test split does not.",
        "The times of the drops differ from seed to seed, which adds luck: expect wider intervals.",
        "In short budgets the rate drops too late to matter.",
        "min_delta is absolute, in nats or as a share of the images; torch's threshold is relative by default.",
    ),
    defaults_from="factor 0.1 and min_delta 1e-4: torch's ReduceLROnPlateau. torch waits for 10 evaluations.",
)


class Plateau(Warmup):
    """A drop when validation no longer improves. Whoever trains remembers the drops: here is only the warm-up."""

    kind: Literal["plateau"] = "plateau"
    patience: int = Field(ge=0, description="evaluations without a gain that are still accepted")
    factor: float = Field(0.1, gt=0, lt=1, description="what each drop multiplies the rate by")
    metric: Literal["nll", "top1"] = "nll"
    min_delta: float = Field(1e-4, ge=0, description="smallest gain; nats, or a share of the images")
    min_frac: float = Field(0.0, ge=0, lt=1, description="share of the peak below which the rate never drops")
    card: ClassVar[Card] = PLATEAU

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(patience=3)

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return 1.0

    def fault(self, num_epochs: int) -> str | None:  # noqa: D102 - as its base
        # One evaluation sets the mark, patience + 1 miss it, and an epoch must be left to train at the lower rate.
        needed = math.floor(self.warmup_epochs) + self.patience + 3
        if num_epochs < needed:
            return (
                f"schedule.patience={self.patience} needs at least budget.epochs={needed} for a drop to come before "
                f"the end, not {num_epochs}; be less patient or train longer"
            )
        return super().fault(num_epochs)


WSD = Card(
    title="Warm-up, stable, decay",
    family="schedules",
    idea="Stay at the peak for most of the training, then fall to the end in one short decay.",
    formula="lr(x) = lr (f + (1 - f) (1 - x)) or lr (f + (1 - f) (1 - sqrt x)),  x = share of the decay done",
    paper=Paper(title="Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", year=2024,
                arxiv="2405.18392"),
    helps_when="The length of the training is not settled: a longer run shares the stable part with a shorter one.",
    pitfalls=(
        "Until the decay the metrics look worse than cosine's at the same epoch; only the end counts.",
        "Named and popularized for language models; on small image sets it is a decay like others.",
    ),
    defaults_from="the paper's favourite: a cooldown of shape 1 - sqrt over the last fifth.",
)  # fmt: skip


class Wsd(Warmup):
    """The peak, then a decay over the last `decay_frac` of the whole budget."""

    kind: Literal["wsd"] = "wsd"
    decay_frac: float = Field(0.2, gt=0, le=1, description="share of the budget, at its end, in which the rate falls")
    shape: Literal["linear", "sqrt"] = "sqrt"
    final_frac: float = Field(0.0, ge=0, le=1, description="share of the peak at the end")
    card: ClassVar[Card] = WSD

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        length = self.decay_frac * (total + self.warmup_epochs)
        done = min(1.0, max(0.0, 1.0 - (total - t) / length))
        fall = done if self.shape == "linear" else math.sqrt(done)
        return 1.0 - (1.0 - self.final_frac) * fall

    def fault(self, num_epochs: int) -> str | None:  # noqa: D102 - as its base
        if self.warmup_epochs + self.decay_frac * num_epochs > num_epochs + ROUNDING_EPOCHS:
            return (
                f"schedule.warmup_epochs={self.warmup_epochs} and decay_frac={self.decay_frac} overlap in "
                f"budget.epochs={num_epochs}; shorten one of them"
            )
        return super().fault(num_epochs)
