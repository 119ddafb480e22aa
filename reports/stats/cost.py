"""How much slower a step becomes: a ratio with an interval, from rounds timed in turn on an otherwise idle machine.

Wall time of the lanes carries no verdict, because lanes share the machine: only rounds of one exclusive timing
block are compared here, paired by round.
"""

from dataclasses import dataclass

import numpy as np

from reports.stats.estimate import Interval
from reports.stats.paired import paired_effect


@dataclass(frozen=True, slots=True)
class Ratio:
    """Treatment over reference. `interval95` is None where one round was timed or all rounds agree exactly."""

    value: float
    interval95: Interval | None
    num_rounds: int


def paired_ratio(treatment: np.ndarray, reference: np.ndarray) -> Ratio:
    """Geometric mean of the ratio of each round, with the t interval of its logarithm.

    Args:
        treatment: [num_rounds] milliseconds of a step, above 0.
        reference: [num_rounds] the same rounds of the other arm.
    """
    if len(treatment) == 0 or len(treatment) != len(reference):
        raise ValueError(f"rounds must pair up, but got {len(treatment)} and {len(reference)}")
    logs = np.log(treatment / reference)
    value = float(np.exp(np.mean(logs)))
    if len(logs) < 2 or not (estimate := paired_effect(logs)).has_spread:
        return Ratio(value, None, len(logs))
    limits = estimate.interval()
    return Ratio(value, Interval(float(np.exp(limits.low)), float(np.exp(limits.high))), len(logs))
