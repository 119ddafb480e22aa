"""What all learning-rate schedules share: a linear warm-up, then a decay of their own."""

from typing import ClassVar, Self

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card

# Times are sums such as 2 + 5/7, so a border is met up to rounding: 1e-9 epochs is below a step of any epoch.
ROUNDING_EPOCHS = 1e-9


class Warmup(Frozen):
    """Fields of every schedule: a linear rise from `warmup_start_frac` of the peak over the first epochs.

    A schedule is a pure function of time, so a resumed run needs no state. Time is counted in epochs since the start
    of training, with the fraction of the epoch done; rates are shares of the optimizer's `lr`, the peak.
    """

    kind: str
    warmup_epochs: float = Field(0.0, ge=0, description="linear rise before the schedule's own course")
    warmup_start_frac: float = Field(0.01, ge=0, le=1, description="share of the peak that the rise starts from")
    card: ClassVar[Card]

    @classmethod
    def example(cls) -> Self:
        """A config to show: over 30 epochs its course can be seen. Override it where a field has no default."""
        return cls()

    def lr_frac(self, epoch: float, num_epochs: int) -> float:
        """The rate as a share of its peak.

        Args:
            epoch: time since the start, from 0 to `num_epochs`.
            num_epochs: length of the training.

        Raises:
            ValueError: the time lies outside the training.
        """
        if not 0 <= epoch <= num_epochs:
            raise ValueError(f"epoch={epoch} is outside the training, which lasts from 0 to {num_epochs}")
        if epoch < self.warmup_epochs:
            return self.warmup_start_frac + (1.0 - self.warmup_start_frac) * epoch / self.warmup_epochs
        return self.after_warmup(epoch - self.warmup_epochs, num_epochs - self.warmup_epochs)

    def after_warmup(self, t: float, total: float) -> float:
        """The same once the rise is over.  t: epochs since then, of `total`."""
        raise NotImplementedError

    def momentum_at(self, epoch: float, num_epochs: int) -> float | None:
        """The optimizer's momentum at that time; None: as the optimizer has it."""
        return None

    def fault(self, num_epochs: int) -> str | None:
        """Why this schedule makes no sense in a training of that length, and what to change; None when it does."""
        if self.warmup_epochs >= num_epochs:
            return f"schedule.warmup_epochs={self.warmup_epochs} must be below budget.epochs={num_epochs}"
        return None
