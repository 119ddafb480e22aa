"""What a study of this size can see, and how many seeds a given effect needs.

Distributions come from scipy.special: `scipy.stats` checks its arguments for fifty times as long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from scipy import optimize, special

from reports.stats.estimate import Interval, Method
from reports.stats.headline import degrees_of_freedom, headline_method

POWER = 0.8
ALPHA = 0.05
MAX_SEEDS = 1000


def power(effect: float, sd: float, num_seeds: int, df: float, alpha: float = ALPHA) -> float:
    """Chance that a two-sided t-test finds a true mean difference of `effect`.

    Args:
        effect: true difference.
        sd: of one paired difference.
        num_seeds: seeds in common.
        df: degrees of freedom of the estimate of `sd`.
        alpha: false-positive rate of the test.
    """
    return _power_at(effect / sd * float(np.sqrt(num_seeds)), df, alpha)


def smallest_effect(sd: float, num_seeds: int, df: float, alpha: float = ALPHA, target: float = POWER) -> float:
    """The smallest true difference found with `target` power (the minimal detectable effect)."""
    return _noncentrality(df, alpha, target) * sd / float(np.sqrt(num_seeds))


def seeds_needed(
    effect: float, sd: float, df_at: Callable[[int], float], alpha: float = ALPHA, target: float = POWER
) -> int | None:
    """The fewest seeds with which `effect` is found with `target` power; None above MAX_SEEDS.

    Args:
        effect: true difference.
        sd: of one paired difference.
        df_at: number of seeds (2 or more) -> degrees of freedom, by the method that such a study would use.
        alpha: false-positive rate of the test.
        target: wanted power.
    """
    # A t-test never needs fewer than a z-test would, so the search starts there.
    z = float(special.ndtri(1 - alpha / 2) + special.ndtri(target))
    start = max(2, int((z * sd / effect) ** 2))
    return next((n for n in range(start, MAX_SEEDS + 1) if power(effect, sd, n, df_at(n), alpha) >= target), None)


def sd_interval(sd: float, df: float, level: float = 0.95) -> Interval:
    """Confidence interval of a standard deviation estimated with `df` degrees of freedom."""
    tail = (1 - level) / 2
    return Interval(
        sd * float(np.sqrt(df / special.chdtri(df, tail))), sd * float(np.sqrt(df / special.chdtri(df, 1 - tail)))
    )


def sd_upper_limit(sd: float, df: float, level: float = 0.8) -> float:
    """One-sided upper limit of a standard deviation: what to plan with after a small pilot."""
    return sd * float(np.sqrt(df / special.chdtri(df, level)))


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest effect a planned study can find, in the units of `sd_run`.

    `alone` is at the alpha of one test; `after_correction` is for a factor that must also survive the first step of
    Holm's correction. Both are None at one seed, which allows no verdict.
    """

    method: Method | None
    df: float | None
    alone: float | None
    after_correction: float | None


def smallest_detectable(
    sd_run: float,
    num_seeds: int,
    num_comparisons: int,
    num_cells: int,
    *,
    seed_correlation: float = 0.0,
    target: float = POWER,
    squared_norm: float = 2.0,
    weighted: bool = False,
    alpha: float = ALPHA,
) -> Detectable:
    """What `ablate plan` promises before anything runs.

    Args:
        sd_run: spread of one arm over seeds, for instance in points.
        num_seeds: planned seeds.
        num_comparisons: planned effects of factors, controls left out.
        num_cells: distinct arms among them.
        seed_correlation: of two arms over seeds. 0 until measured: pairing need not help.
        target: wanted power.
        squared_norm: sum of the squared weights of the arms; 2 for one arm minus another, 4 / num_cells for a main
            effect of a factorial.
        weighted: whether it is a weighted sum of arms rather than a difference of two.
        alpha: false-positive rate of one test.
    """
    method = headline_method(num_seeds, num_comparisons, num_cells, weighted=weighted)
    if method is None:
        return Detectable(None, None, None, None)
    df = degrees_of_freedom(method, num_seeds, num_cells)
    sd = sd_run * float(np.sqrt(squared_norm * (1 - seed_correlation)))
    return Detectable(
        method=method,
        df=df,
        alone=smallest_effect(sd, num_seeds, df, alpha, target),
        after_correction=smallest_effect(sd, num_seeds, df, alpha / max(1, num_comparisons), target),
    )


def _power_at(noncentrality: float, df: float, alpha: float) -> float:
    critical = special.stdtrit(df, 1 - alpha / 2)
    # scipy's noncentral t loses the far tail to rounding and may answer nan there: that tail is 0.
    wrong_sign = np.nan_to_num(special.nctdtr(df, noncentrality, -critical))
    return float(1 - special.nctdtr(df, noncentrality, critical) + wrong_sign)


@lru_cache(maxsize=4096)  # every effect of a study asks for the same few, at milliseconds each
def _noncentrality(df: float, alpha: float, target: float) -> float:
    high = 1.0
    while _power_at(high, df, alpha) < target:
        high *= 2
    return cast(float, optimize.brentq(lambda value: _power_at(value, df, alpha) - target, 0.0, high, xtol=1e-10))
