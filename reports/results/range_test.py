"""What a learning-rate range test found, as typed values."""

from pydantic import Field

from pipeline.spec.base import Frozen


class RangeTest(Frozen):
    """Loss against rate, and the rate to try first, if the curve has one."""

    recipe: str = Field(description="what was tested, in words: data, network, optimizer, batch")
    rates: tuple[float, ...] = Field(description="optimizer.lr of each step")
    losses: tuple[float, ...] = Field(description="training loss of each step's batch, before the step")
    smooth: tuple[float, ...] = Field(description="lines by least squares in a moving window; empty: too few steps")
    suggestion: float | None = Field(description="rate where the smoothed loss falls most steeply; None: unclear")
    lowest_at: float | None = Field(description="rate of the lowest smoothed loss")
    set_now: float = Field(description="optimizer.lr as the recipe has it")
    ended: str = Field(description="highest rate, runaway loss, or loss not finite")
    notes: tuple[str, ...] = ()
