"""Which of the three estimates gives the verdict. Fixed by the plan, never by the results."""

from reports.stats.estimate import Method
from reports.stats.moderated import PRIOR_DF

MIN_COMPARISONS_TO_SHARE = 4
MIN_SEEDS_TO_STAND_ALONE = 6


def headline_method(num_seeds: int, num_comparisons: int) -> Method | None:
    """The method for this many planned seeds and comparisons; None at one seed, which allows no verdict."""
    if num_seeds < 2:
        return None
    if num_seeds == 2:
        return Method.POOLED
    if num_seeds >= MIN_SEEDS_TO_STAND_ALONE or num_comparisons < MIN_COMPARISONS_TO_SHARE:
        return Method.PAIRED
    return Method.MODERATED


def degrees_of_freedom(method: Method, num_seeds: int, num_cells: int) -> float:
    """Residual degrees of freedom of a complete study by this method."""
    match method:
        case Method.PAIRED:
            return num_seeds - 1
        case Method.MODERATED:
            return PRIOR_DF + num_seeds - 1
        case Method.POOLED:
            return (num_cells - 1) * (num_seeds - 1)
