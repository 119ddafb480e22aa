"""An interval as a typed value of the analysis."""

from typing import Self

from pipeline.spec.base import Frozen
from reports.stats.estimate import Interval


class Range(Frozen):
    """An interval in display units."""

    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval) -> Self:
        """The same, as the statistics have it."""
        return cls(low=interval.low, high=interval.high)
