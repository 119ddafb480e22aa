"""How long the runs that are left will take: a range, from how much the runs so far differed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

LEVEL = 0.8  # of the range: one time in five it takes less or more


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds."""

    low_s: float
    high_s: float


def time_left(durations_s: Sequence[float], num_left: float, num_lanes: int) -> TimeLeft | None:
    """Prediction interval for the rest of a study; None below two finished runs, which say nothing about spread.

    The sum of k further runs, given n whose mean is m and standard deviation s, has mean k m and variance
    k s^2 + k^2 s^2 / n, with n - 1 degrees of freedom. Lanes that are never idle finish it in 1/lanes of the time; at
    worst the last run starts when all others are over (Graham 1966: sum / lanes + longest * (1 - 1 / lanes)).

    Args:
        durations_s: [n] of the runs that this invocation finished.
        num_left: k, a run under way as the part that is left of it.
        num_lanes: that work side by side.
    """
    n = len(durations_s)
    if n < 2:
        return None
    mean, sd = float(np.mean(durations_s)), float(np.std(durations_s, ddof=1))
    quantile = float(special.stdtrit(n - 1, (1 + LEVEL) / 2))
    half = quantile * sd * math.sqrt(num_left + num_left**2 / n)
    last = max(durations_s) * min(1.0, num_left) * (1 - 1 / num_lanes)
    return TimeLeft(max(0.0, num_left * mean - half) / num_lanes, (num_left * mean + half) / num_lanes + last)


def range_text(low_s: float, high_s: float) -> str:
    """'40 to 65 s', '8 to 12 min', '1.5 to 2.5 h': no more digits than the range deserves."""
    unit, name, digits = (1.0, "s", 0) if high_s < 90 else (60.0, "min", 0) if high_s < 90 * 60 else (3600.0, "h", 1)
    step = 5 if unit == 1 else 1
    low, high = (f"{round(seconds / unit / step, digits) * step:g}" for seconds in (low_s, high_s))
    return f"about {high} {name}" if low == high else f"{low} to {high} {name}"
