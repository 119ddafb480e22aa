"""A difference in units of its own scatter over seeds.

Only ever shown beside the difference in points: where seeds scatter little, a trivial gain has a huge d_z.
"""

from dataclasses import dataclass

import numpy as np

from reports.stats.paired import paired_effect


@dataclass(frozen=True, slots=True)
class EffectSize:
    """Mean paired difference over its standard deviation, raw and corrected for the bias of few seeds."""

    d_z: float
    hedges_g: float


def hedges_correction(df: float) -> float:
    """Hedges' (1981) factor J: how much a standardised difference from `df` degrees of freedom is too large."""
    return 1 - 3 / (4 * df - 1)


def paired_effect_size(differences: np.ndarray) -> EffectSize:
    """Cohen's d_z of paired differences.

    Args:
        differences: [num_seeds] treatment minus reference; at least 2, and not all equal.
    """
    estimate = paired_effect(differences)
    if not estimate.has_spread:
        raise ValueError(f"all {len(differences)} differences are equal: an effect size needs some spread")
    d_z = estimate.effect / estimate.sd
    return EffectSize(d_z, hedges_correction(estimate.df) * d_z)
