"""The moderated t: each comparison's own variance, pulled towards what all of them share.

A compromise between the paired t (honest but wide at 3 seeds) and the pooled model (narrow, but wrong where arms
scatter differently). A difference of two arms is pulled towards the mean of all differences; an average over many
arms towards the error of the pooled model. The idea is Smyth's (2004, doi:10.2202/1544-6115.1027); his way of
estimating the weight of the prior needs far more comparisons than an ablation has, so the weight is fixed.
"""

from collections.abc import Sequence

import numpy as np

from reports.stats.estimate import Estimate, Method

# Chosen over 4 by simulation (8 comparisons, 3 seeds): coverage .963-.966 at equal spread, .930-.988 where the
# spread of the cells ranges from half to double.
PRIOR_DF = 2.0

# The most that the pooled error counts for beside an average's own spread. Chosen over 8, 10, 14 and 16 by simulation
# (six main effects of 2^(6-2), arms with half to double the sd in their order, r = .3): a false claim in .043
# of the studies at 3 and at 5 seeds, where the pooled model has .072 and .078; intervals 5% wider.
TWO_WAY_PRIOR_DF = 12.0


def prior_variance(families: Sequence[np.ndarray]) -> float:
    """Mean variance of the paired differences over the comparisons that have at least two.

    Args:
        families: one array [num_seeds of that comparison] of differences per comparison.
    """
    variances = [float(np.var(differences, ddof=1)) for differences in families if len(differences) >= 2]
    if not variances:
        raise ValueError("no comparison has 2 seeds, so there is no variance to share; add seeds")
    return float(np.mean(variances))


def moderated_effect(differences: np.ndarray, prior: float, prior_df: float = PRIOR_DF) -> Estimate:
    """Mean difference whose variance is a weighted mean of its own and the prior's.

    Args:
        differences: [num_seeds] treatment minus reference.
        prior: variance shared by the family, from `prior_variance`.
        prior_df: how many degrees of freedom the prior counts for.
    """
    num_seeds = len(differences)
    if num_seeds < 2:
        raise ValueError(f"a moderated t needs at least 2 differences, but got {num_seeds}; add seeds")
    df = prior_df + num_seeds - 1
    variance = (prior_df * prior + (num_seeds - 1) * float(np.var(differences, ddof=1))) / df
    return Estimate(Method.MODERATED, float(np.mean(differences)), float(np.sqrt(variance / num_seeds)), df, num_seeds)


def two_way_prior_df(pooled_df: float, own_df: float) -> float:
    """How many degrees of freedom the rest of the table counts for beside an average's own.

    Where it has no more than TWO_WAY_PRIOR_DF, all of them: the moderated estimate is the pooled one.
    """
    return max(0.0, min(TWO_WAY_PRIOR_DF, pooled_df - own_df))


def moderated_two_way(pooled: Estimate, values: np.ndarray) -> Estimate:
    """A weighted sum of arms as the pooled model has it, with a variance moderated by its own spread over seeds.

    The pooled error is right for an average only where all arms scatter alike. Where they do not, a shared seed moves
    the arms of larger spread further, and the factor that tells them apart scatters more than the others. The
    residuals of a two-way table are the average's own and the rest; the rest is the prior.

    Args:
        pooled: of the two-way model.
        values: [num_seeds] the weighted sum, one for each seed that all arms finished.
    """
    own_df = min(max(0, len(values) - 1), pooled.df)
    rest_df = pooled.df - own_df
    prior_df = two_way_prior_df(pooled.df, own_df)
    if prior_df == rest_df:
        return pooled
    own = float(np.var(values, ddof=1)) / pooled.num_seeds if own_df else 0.0
    rest = max(0.0, pooled.df * pooled.standard_error**2 - own_df * own) / rest_df
    df = prior_df + own_df
    variance = (prior_df * rest + own_df * own) / df
    return Estimate(Method.MODERATED_TWO_WAY, pooled.effect, float(np.sqrt(variance)), df, pooled.num_seeds)
