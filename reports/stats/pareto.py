"""Which arms are worth their cost: the front of those that no other beats, and how sure that is."""

from dataclasses import dataclass

import numpy as np


def pareto_front(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """[num_arms] bool: no other arm is at least as good in both and better in one. Equal arms stay together.

    Args:
        cost: [num_arms] less is better.
        gain: [num_arms] more is better.
    """
    return ~np.asarray(dominance(cost, gain).any(axis=0))


def dominance(cost: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """[num_arms, num_arms] bool: row dominates column. Arguments as in `pareto_front`."""
    cheaper, better = cost[:, None] - cost[None, :], gain[:, None] - gain[None, :]
    return (cheaper <= 0) & (better >= 0) & ((cheaper < 0) | (better > 0))


@dataclass(frozen=True, slots=True)
class FrontProbabilities:
    """Under a flat prior."""

    on_front: np.ndarray  # [num_arms]
    dominates: np.ndarray  # [num_arms, num_arms] row dominates column


def front_probabilities(cost_draws: np.ndarray, gain_draws: np.ndarray) -> FrontProbabilities:
    """Share of the draws in which each arm is on the front, and in which each dominates each.

    Args:
        cost_draws: [num_draws, num_arms] joint draws; less is better.
        gain_draws: [num_draws, num_arms] joint draws; more is better.
    """
    num_draws, num_arms = cost_draws.shape
    on_front, dominates = np.empty(num_arms), np.empty((num_arms, num_arms))
    cost, gain = np.ascontiguousarray(cost_draws.T), np.ascontiguousarray(gain_draws.T)  # rows are then contiguous
    for arm in range(num_arms):
        beats = (cost <= cost[arm]) & (gain >= gain[arm])  # [num_arms, num_draws]
        beats &= (cost < cost[arm]) | (gain > gain[arm])
        dominates[:, arm] = np.count_nonzero(beats, axis=1) / num_draws
        on_front[arm] = 1 - np.count_nonzero(beats.any(axis=0)) / num_draws
    return FrontProbabilities(on_front, dominates)


def draw_means(
    means: np.ndarray, covariance: np.ndarray, df: float, rng: np.random.Generator, num_draws: int
) -> np.ndarray:
    """[num_draws, num_arms] from the joint t posterior of the means under a flat prior.

    Args:
        means: [num_arms].
        covariance: [num_arms, num_arms] of the estimates, off-diagonal included: what arms share must move together.
        df: of the variance that the covariance was scaled by.
        rng: what to draw with.
        num_draws: how many.
    """
    normal = rng.multivariate_normal(np.zeros(len(means)), covariance, num_draws, method="eigh")
    return means + normal / np.sqrt(rng.chisquare(df, num_draws) / df)[:, None]
