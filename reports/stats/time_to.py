"""How long until a target is reached for good: crossings of a curve, and means of times that some never reached."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from reports.stats.change import satterthwaite_df
from reports.stats.cost import Ratio
from reports.stats.estimate import Estimate, Interval

SUSTAINED_EVALS = 2
"""Evaluations in a row that must reach the target: one alone may be luck."""


def first_sustained_crossing(times: np.ndarray, gains: np.ndarray, target: float) -> float | None:
    """When the curve first reaches the target and stays there for the next evaluation too; None if it never does.

    Between the evaluation before and the one that reached it, the curve is taken as a straight line. Where the very
    first evaluation is at the target already, its own time is an upper bound.

    Args:
        times: [num_evals] ascending.
        gains: [num_evals] the metric, turned so that more is better.
        target: in the same direction.
    """
    reached = gains >= target
    for i in range(len(gains) - SUSTAINED_EVALS + 1):
        if reached[i : i + SUSTAINED_EVALS].all():
            if i == 0:
                return float(times[0])
            share = (target - gains[i - 1]) / (gains[i] - gains[i - 1])
            return float(times[i - 1] + share * (times[i] - times[i - 1]))
    return None


def restricted_mean(times: Sequence[float | None], horizon: float) -> float:
    """Mean time up to a common horizon: who did not get there by then counts as the horizon.

    Args:
        times: one per run; None where it never got there.
        horizon: that every run was followed to, or would have been had it not stopped by itself.
    """
    return float(np.mean([horizon if time is None else min(time, horizon) for time in times]))


def product_ratio(first: Estimate, second: Estimate) -> Ratio:
    """The product of two ratios that were measured apart: their logarithms add up, and so do the variances.

    Args:
        first: log ratio, such as of epochs, over seeds.
        second: another, such as of the time of an epoch, over timing rounds.
    """
    total = first.standard_error**2 + second.standard_error**2
    if total == 0:
        return _ratio(first.effect + second.effect, 0.0, 1.0, first.num_seeds)
    df = satterthwaite_df(first, second)
    return _ratio(first.effect + second.effect, float(np.sqrt(total)), df, first.num_seeds)


def _ratio(log_value: float, standard_error: float, df: float, count: int) -> Ratio:
    value = float(np.exp(log_value))
    if standard_error <= 1e-12:
        return Ratio(value, None, count)
    half_width = float(stats.t.ppf(0.975, df)) * standard_error
    return Ratio(value, Interval(float(np.exp(log_value - half_width)), float(np.exp(log_value + half_width))), count)
