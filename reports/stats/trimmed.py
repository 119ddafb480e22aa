"""The interquartile mean: the mean of the middle half, which one bad run cannot move.

Agarwal et al. (2021, arXiv:2108.13264) use it over runs and tasks together. With a handful of values it is the mean
or the median under another name, so it is offered only where there are enough of them.
"""

import numpy as np

MIN_VALUES = 12
TRIMMED_SHARE = 0.25


def interquartile_mean(scores: np.ndarray) -> float:
    """Mean of the middle half of all scores.

    Args:
        scores: [num_tasks, num_seeds] in one unit, at least MIN_VALUES in all.
    """
    if scores.size < MIN_VALUES:
        raise ValueError(
            f"an interquartile mean needs at least {MIN_VALUES} scores over tasks and seeds, but got {scores.size}; "
            "use the mean"
        )
    return middle_mean(scores)


def middle_mean(values: np.ndarray) -> float:
    """Mean without the lowest and the highest quarter, each rounded down to whole values.

    Args:
        values: of any shape, at least one.
    """
    ordered = np.sort(values, axis=None)
    num_trimmed = int(TRIMMED_SHARE * len(ordered))
    return float(np.mean(ordered[num_trimmed : len(ordered) - num_trimmed]))
