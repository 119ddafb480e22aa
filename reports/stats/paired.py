"""The paired t: each seed's difference is one observation, and nothing is assumed about the other arms."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.stats.estimate import Estimate, Method


def paired_effect(differences: np.ndarray) -> Estimate:
    """Mean difference with n - 1 degrees of freedom.

    Args:
        differences: [num_seeds] treatment minus reference, one per common seed.
    """
    num_seeds = len(differences)
    if num_seeds < 2:
        raise ValueError(f"a paired t needs at least 2 differences, but got {num_seeds}; add seeds")
    sd = float(np.std(differences, ddof=1))
    return Estimate(
        Method.PAIRED, float(np.mean(differences)), sd / float(np.sqrt(num_seeds)), num_seeds - 1, num_seeds
    )


def break_even_correlation(num_seeds: int) -> float:
    """Correlation of two arms over seeds above which the paired interval is narrower than Welch's.

    Pairing removes the shared variance but halves the degrees of freedom; both half-widths are equal where
    t(n-1) * sqrt(2 (1 - r) / n) = t(2n-2) * sqrt(2 / n).
    """
    ratio = stats.t.ppf(0.975, 2 * num_seeds - 2) / stats.t.ppf(0.975, num_seeds - 1)
    return float(1 - ratio**2)


@dataclass(frozen=True, slots=True)
class SeedCorrelation:
    """How alike the arms move from seed to seed, and whether pairing by seed paid for its degrees of freedom."""

    value: float
    break_even: float

    @property
    def helped(self) -> bool:
        """Whether paired intervals are narrower than unpaired ones at this correlation."""
        return self.value > self.break_even


def seed_correlation(scores: np.ndarray) -> SeedCorrelation | None:
    """Mean covariance between arms over mean variance, or None where nothing varies.

    Args:
        scores: [num_arms, num_seeds], complete.
    """
    num_arms, num_seeds = scores.shape
    if num_arms < 2 or num_seeds < 2:
        return None
    covariance = np.cov(scores)
    variance = float(np.mean(np.diag(covariance)))
    if variance <= 0:
        return None
    off_diagonal = float((covariance.sum() - np.trace(covariance)) / (num_arms * (num_arms - 1)))
    return SeedCorrelation(off_diagonal / variance, break_even_correlation(num_seeds))
