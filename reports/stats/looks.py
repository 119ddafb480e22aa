"""Looking at the results more than once: the level at which each look may judge.

A study that adds seeds until an interval leaves 0 finds something in 17% of the studies of nothing (3 to 10 seeds).
If the looks are declared beforehand and all judge at one smaller level, the chance of any false finding is .05 again.

The level comes from simulation with a fixed seed, so it is the same number everywhere: the t of differences without
any effect has one distribution whatever their scale, so nothing of the study enters but the schedule.
"""

import itertools
from functools import lru_cache

import numpy as np
from scipy import stats

from reports.stats.power import ALPHA

NUM_STUDIES = 400_000  # the level of {3, 5, 10} comes out within .0002
SIMULATION_ERROR = 0.005  # of a level, relative: one that lies this close below a rounded one is that one
BATCH = 50_000
SEED = 20_101


def constant_alpha(at: tuple[int, ...], overall: float = ALPHA) -> float:
    """The two-sided level of every look with which any of them errs in at most `overall` of the studies of nothing.

    Rounded down to three digits, or two significant ones below .001. Of one comparison: Holm's correction comes on top.

    Args:
        at: seeds at each look, rising, from 2 on.
        overall: chance of a false finding at any look.
    """
    if len(at) == 1:
        _smallest_p_values(at)  # refuses what is no schedule
        return overall
    level = float(np.quantile(_smallest_p_values(at), overall)) * (1 + SIMULATION_ERROR)
    digits = max(3, 1 - int(np.floor(np.log10(level))))
    return float(np.floor(level * 10**digits) / 10**digits)


def false_positive_rate(at: tuple[int, ...], alpha: float = ALPHA) -> float:
    """The chance that a paired t-test at level `alpha` finds something at any of these looks where there is nothing."""
    return float(np.mean(_smallest_p_values(at) < alpha))


@lru_cache(maxsize=16)
def _smallest_p_values(at: tuple[int, ...]) -> np.ndarray:
    """[NUM_STUDIES] the smallest p-value over the looks of each study of nothing."""
    if not at or at[0] < 2 or any(later <= earlier for earlier, later in itertools.pairwise(at)):
        raise ValueError(f"looks must be rising numbers of seeds from 2 on, but got {list(at)}")
    rng = np.random.default_rng(SEED)
    batches: list[np.ndarray] = []
    for _ in range(NUM_STUDIES // BATCH):
        total, squares, seen = np.zeros(BATCH), np.zeros(BATCH), 0
        smallest = np.ones(BATCH)
        for num_seeds in at:
            differences = rng.standard_normal((num_seeds - seen, BATCH))
            total += differences.sum(axis=0)
            squares += (differences**2).sum(axis=0)
            seen = num_seeds
            variance = (squares - total**2 / num_seeds) / (num_seeds - 1)
            t = total / np.sqrt(num_seeds * variance)
            np.minimum(smallest, 2 * stats.t.sf(np.abs(t), num_seeds - 1), out=smallest)
        batches.append(smallest)
    return np.concatenate(batches)
