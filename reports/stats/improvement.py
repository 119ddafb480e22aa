"""How often does the treatment beat the reference? A share of wins, never without its interval.

Five wins of five look like certainty; Wilson's interval says that the true share may be .57.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.stats.estimate import Interval
from reports.stats.proportion import wilson


@dataclass(frozen=True, slots=True)
class Improvement:
    """Probability that a run of the treatment scores above one of the reference; a tie counts half.

    `form` is "paired" where both runs share a seed, "any two runs" where they need not.
    """

    probability: float
    interval95: Interval
    num_independent: int  # comparisons that the interval counts
    form: Literal["paired", "any two runs"]


def paired_improvement(gains: np.ndarray) -> Improvement:
    """Over seeds that both arms finished.

    Args:
        gains: [num_seeds] above 0 where the treatment is better.
    """
    if len(gains) == 0:
        raise ValueError("no seed finished in both arms, so there is nothing to count")
    wins = float(np.sum(gains > 0) + 0.5 * np.sum(gains == 0))
    return Improvement(wins / len(gains), wilson(wins, len(gains)), len(gains), "paired")


def unpaired_improvement(treatment: np.ndarray, reference: np.ndarray) -> Improvement:
    """Mann and Whitney's form: over all pairs of a run of one arm and a run of the other.

    The pairs share runs, so the interval counts only as many as the smaller arm has runs.

    Args:
        treatment: [num_treatment] scores, higher is better.
        reference: [num_reference] scores.
    """
    if len(treatment) == 0 or len(reference) == 0:
        raise ValueError(f"both arms need a finished run, but have {len(treatment)} and {len(reference)}")
    differences = np.subtract.outer(treatment, reference)
    probability = float(np.mean(differences > 0) + 0.5 * np.mean(differences == 0))
    count = min(len(treatment), len(reference))
    return Improvement(probability, wilson(probability * count, count), count, "any two runs")
