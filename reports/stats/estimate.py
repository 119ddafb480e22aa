"""What every way of estimating a difference returns: a point, its standard error and their degrees of freedom.

Student's t is called as scipy.special has it: `scipy.stats.t` checks its arguments for fifty times as long.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special


class Method(StrEnum):
    """How the variance of a difference was estimated."""

    PAIRED = "paired t"
    POOLED = "pooled two-way"
    MODERATED = "moderated t"
    MODERATED_TWO_WAY = "moderated two-way"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference between two arms over `num_seeds` common seeds."""

    method: Method
    effect: float
    standard_error: float
    df: float
    num_seeds: int

    @property
    def sd(self) -> float:
        """Standard deviation of one paired difference, as this method sees it."""
        return self.standard_error * float(np.sqrt(self.num_seeds))

    @property
    def t(self) -> float:
        """Student's t. A difference without any spread has none: callers ask `has_spread` first."""
        return self.effect / self.standard_error

    @property
    def has_spread(self) -> bool:
        """False where the standard error is zero up to rounding, so that an interval would be one point."""
        return self.standard_error > 1e-12 * max(1.0, abs(self.effect))

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference."""
        return float(2 * special.stdtr(self.df, -abs(self.t)))

    def interval(self, level: float = 0.95) -> Interval:
        """The two-sided interval at this confidence level."""
        half_width = float(special.stdtrit(self.df, (1 + level) / 2)) * self.standard_error
        return Interval(self.effect - half_width, self.effect + half_width)
