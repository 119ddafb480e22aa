"""How often does the treatment beat the reference? A share of wins, never without its interval.

Five wins of five look like certainty; Wilson's interval says that the true share may be .57.
"""

from dataclasses import dataclass

import numpy as np

from reports.stats.estimate import Interval
from reports.stats.proportion import wilson


@dataclass(frozen=True, slots=True)
class Improvement:
    """Probability that a run of the treatment scores above the reference's of the same seed; a tie counts half."""

    probability: float
    interval95: Interval
    num_seeds: int


def paired_improvement(gains: np.ndarray) -> Improvement:
    """Over seeds that both arms finished.

    Args:
        gains: [num_seeds] above 0 where the treatment is better.
    """
    if len(gains) == 0:
        raise ValueError("no seed finished in both arms, so there is nothing to count")
    wins = float(np.sum(gains > 0) + 0.5 * np.sum(gains == 0))
    return Improvement(wins / len(gains), wilson(wins, len(gains)), len(gains))
