"""Factors added one after another, and what each adds over many orders, as typed values."""

from pydantic import Field

from pipeline.spec.base import Frozen
from reports.results.ranges import Range


class StackStep(Frozen):
    """One factor more. Numbers are in display units; None where the runs are missing."""

    factor: str
    arm: str = Field(description="the recipe with this factor and all before it")
    before: float | None = Field(description="level that the step starts from")
    gain: float | None = Field(description="of the step, as measured")
    ci95: Range | None
    level_range: Range | None = Field(None, description="lowest and highest level of any order with as many factors")
    gain_range: Range | None = Field(None, description="least and most that this factor added in any order")


class StackAnalysis(Frozen):
    """One order, step by step, and what other orders gave."""

    level: float = Field(description="of the intervals")
    start_arm: str
    start: float | None = Field(description="level of the arm without any of the factors")
    start_ci95: Range | None
    steps: tuple[StackStep, ...]
    num_orders: int = Field(description="that were run, this one included")

    @property
    def order(self) -> tuple[str, ...]:
        """Factors from first to last."""
        return tuple(step.factor for step in self.steps)


class Share(Frozen):
    """What one factor adds, averaged over orders; display units, as measured."""

    factor: str
    estimate: float | None
    ci95: Range | None
    order_half_width: float | None = Field(
        None, description="how far other orders could move a share over sampled ones (95%); None: exact, or unknown"
    )


class ShareAnalysis(Frozen):
    """The gain of full over bare, shared out among its factors."""

    level: float = Field(description="of the intervals")
    shares: tuple[Share, ...]
    total: float | None = Field(description="full minus bare, by the same model; None while it has no result")
    total_ci95: Range | None
    num_orders: int | None = Field(description="sampled; None: the shares are exact, over all orders")

    @property
    def sum(self) -> float | None:
        """Of all shares; None while one has no result."""
        known = [share.estimate for share in self.shares if share.estimate is not None]
        return sum(known) if len(known) == len(self.shares) else None
