"""Two one-sided tests: is the difference too small to care about?"""

from dataclasses import dataclass

from scipy import special

from reports.stats.estimate import Estimate, Interval


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Evidence that a difference lies within +-delta. `interval90` inside +-delta is the same as p < .05."""

    p: float
    interval90: Interval
    within: bool


def tost(estimate: Estimate, delta: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided t-tests against -delta and +delta."""
    above_low = special.stdtr(estimate.df, -(estimate.effect + delta) / estimate.standard_error)
    below_high = special.stdtr(estimate.df, (estimate.effect - delta) / estimate.standard_error)
    p = float(max(above_low, below_high))
    return Equivalence(p, estimate.interval(1 - 2 * alpha), p < alpha)
