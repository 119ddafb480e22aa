"""One-sided tests against a margin: is it at least this good?"""

from dataclasses import dataclass

from scipy import stats

from reports.stats.estimate import Estimate, Interval


@dataclass(frozen=True, slots=True)
class MarginTest:
    """Evidence that a gain lies above `bound`. `interval` lies wholly above it exactly where `p` is below alpha."""

    bound: float
    p: float
    level: float
    interval: Interval
    shown: bool


def above_bound(gain: Estimate, bound: float, alpha: float) -> MarginTest:
    """Test the hypothesis that the true gain is `bound` or less.

    Args:
        gain: above 0 where the treatment is better; must have spread.
        bound: -margin asks "not worse by more than the margin", +delta asks "better by at least delta".
        alpha: of the one-sided test. The two-sided interval beside it has level 1 - 2 alpha.
    """
    if not gain.has_spread:
        raise ValueError("all differences are equal: a test against a margin needs some spread")
    p = float(stats.t.sf((gain.effect - bound) / gain.standard_error, gain.df))
    level = 1 - 2 * alpha
    return MarginTest(bound, p, level, gain.interval(level), p < alpha)
