"""The significance filter: in a small study, what passes the test is too large, and sometimes of the wrong sign.

Gelman and Carlin's (2014, doi:10.1177/1745691614551642) type M and type S errors, by integration over the estimate
and its standard error rather than by simulation.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import integrate, special

from reports.stats.power import ALPHA


@dataclass(frozen=True, slots=True)
class Exaggeration:
    """What a study of this size reports about one true effect."""

    power: float
    ratio: float  # mean size of the estimates that pass the test, over the true effect (type M)
    wrong_sign: float  # share of the estimates that pass the test (type S)


def exaggeration(effect: float, sd: float, num_seeds: int, df: float, alpha: float = ALPHA) -> Exaggeration:
    """Power, type M and type S error of a two-sided t-test.

    Args:
        effect: true difference, not 0.
        sd: of one paired difference.
        num_seeds: seeds in common.
        df: degrees of freedom of the estimate of `sd`.
        alpha: of the test.
    """
    if effect == 0 or sd <= 0:
        raise ValueError(f"expected a true effect other than 0 and sd above 0, but got {effect:g} and {sd:g}")
    true = abs(effect) / sd * float(np.sqrt(num_seeds))  # in standard errors, like everything below
    critical = float(special.stdtrit(df, 1 - alpha / 2))

    def passing(estimate: float) -> float:
        """Density of this estimate, times the chance that the measured standard error is small enough."""
        density = math.exp(-((estimate - true) ** 2) / 2) / math.sqrt(2 * math.pi)
        # The distribution function of chi-squared; scipy.stats checks its arguments for fifty times as long.
        return density * float(special.gammainc(df / 2, df * (estimate / critical) ** 2 / 2))

    # Beyond 10 standard errors of the truth the density is below 1e-22; the cut at 0 parts the signs.
    right = _integrate(passing, 0.0, true + 10)
    wrong = _integrate(passing, min(-1.0, true - 10), 0.0) if true < 10 else 0.0
    size = _integrate(lambda z: abs(z) * passing(z), min(0.0, true - 10), 0.0) if true < 10 else 0.0
    size += _integrate(lambda z: z * passing(z), 0.0, true + 10)
    power = right + wrong
    return Exaggeration(power, size / power / true, wrong / power)


def _integrate(function, low: float, high: float) -> float:
    return float(integrate.quad(function, low, high, limit=200)[0])
