"""Which of the estimates gives the verdict. Fixed by the plan, never by the results."""

from reports.stats.estimate import Method
from reports.stats.moderated import PRIOR_DF, TWO_WAY_PRIOR_DF, two_way_prior_df

MIN_COMPARISONS_TO_SHARE = 4
MIN_SEEDS_TO_STAND_ALONE = 6


def headline_method(num_seeds: int, num_comparisons: int, num_cells: int, *, weighted: bool = False) -> Method | None:
    """The method for this many planned seeds and comparisons; None at one seed, which allows no verdict.

    Args:
        num_seeds: planned for every arm.
        num_comparisons: in the declared family.
        num_cells: distinct arms among them.
        weighted: a weighted sum of arms, such as a main effect of a factorial, rather than a difference of two:
            its arms were laid out for the two-way model.
    """
    if num_seeds < 2:
        return None
    if weighted and (num_cells - 2) * (num_seeds - 1) > TWO_WAY_PRIOR_DF:
        return Method.MODERATED_TWO_WAY
    if num_seeds == 2 or weighted:
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
        case Method.MODERATED_TWO_WAY:
            own = num_seeds - 1
            return two_way_prior_df((num_cells - 1) * own, own) + own
