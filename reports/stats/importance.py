"""How much of the spread of scores goes with one parameter: a share of variance between groups, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

MAX_GROUPS = 4
MIN_GROUP = 4
"""Trials in a group: fewer say little about the spread inside it."""


@dataclass(frozen=True, slots=True)
class VarianceShare:
    """Of the variance of the ranks of the scores, the part between groups."""

    share: float  # omega squared (Hays 1963); about 0, and as often below, where the parameter does not matter
    low: float
    high: float
    num_groups: int
    num_trials: int


def group_values(values: Sequence[float]) -> np.ndarray | None:
    """[num_trials] int: neighbours together, in groups of about equal size; None where there are too few trials.

    Args:
        values: of one parameter, a trial each. Equal values stay together.
    """
    array = np.asarray(values, dtype=float)
    num_groups = min(MAX_GROUPS, len(array) // (MIN_GROUP + 1), len(np.unique(array)))
    if num_groups < 2:
        return None
    edges = np.unique(np.quantile(array, np.linspace(0, 1, num_groups + 1)[1:-1]))
    groups = np.searchsorted(edges, array, side="left")
    return groups if len(np.unique(groups)) > 1 else None


def variance_share(
    groups: Sequence[int] | np.ndarray, scores: Sequence[float] | np.ndarray, level: float = 0.95
) -> VarianceShare | None:
    """Omega squared of the ranks, and the interval of the share from the noncentral F (Steiger 2004).

    Ranks, because a few trials that learn nothing would otherwise be all of the variance. Groups with fewer than two
    trials are left out. The interval is approximate: in simulation it covers 95% of small shares and 91% of large ones
    (0.4 with 40 trials), since ranks are not normal. None where fewer than two groups are left, or the scores inside
    every group are equal.

    Args:
        groups: [num_trials] int.
        scores: [num_trials].
        level: of the interval.
    """
    labels, counts = np.unique(np.asarray(groups), return_counts=True)
    kept = np.isin(groups, labels[counts >= 2])
    ranks, label = stats.rankdata(np.asarray(scores, dtype=float)[kept]), np.asarray(groups)[kept]
    parts = [ranks[label == one] for one in np.unique(label)]
    num, between, within = len(ranks), len(parts) - 1, len(ranks) - len(parts)
    if between < 1 or within < 1:
        return None
    inside = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    error = inside / within
    if error <= 1e-12:
        return None
    ratio = (total - inside) / between / error
    tail = (1 - level) / 2
    low, high = (_noncentrality(ratio, between, within, p) for p in (1 - tail, tail))
    share = (total - inside - between * error) / (total + error)
    return VarianceShare(share, low / (low + num), high / (high + num), len(parts), num)


def _noncentrality(ratio: float, between: int, within: int, probability: float) -> float:
    """The noncentrality at which F stays below `ratio` with this probability; 0 where none does."""

    def excess(nc: float) -> float:
        return float(special.ncfdtr(between, within, nc, ratio)) - probability

    if ratio <= 0 or excess(0.0) <= 0:
        return 0.0
    high = 1.0
    while excess(high) > 0:
        high *= 2
    low = 0.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low
