"""Stein's two-stage sample size: how many seeds for an interval of a wanted width, without peeking.

The first stage measures only the noise and fixes the number of seeds. The interval at the end keeps the standard
deviation and the degrees of freedom of the first stage: the mean of all seeds does not depend on them, so its
coverage is exact (Stein 1945, doi:10.1214/aoms/1177731088), however many seeds the rule asked for.
"""

import math

from scipy import stats

from reports.stats.estimate import Estimate


def seeds_for(sd: float, num_seeds: int, half_width: float, *, df: float | None = None, level: float = 0.95) -> int:
    """Seeds in all, those of the first stage among them.

    Args:
        sd: of one paired difference, from the first stage.
        num_seeds: of the first stage.
        half_width: wanted, in the unit of `sd`.
        df: behind `sd`; default: of a paired t.
        level: of the interval.
    """
    if num_seeds < 2 or half_width <= 0:
        raise ValueError(
            f"a first stage needs at least 2 seeds and a half-width above 0, but got {num_seeds} and {half_width:g}"
        )
    quantile = float(stats.t.ppf((1 + level) / 2, num_seeds - 1 if df is None else df))
    return max(num_seeds, math.ceil((quantile * sd / half_width) ** 2))


def two_stage_estimate(first_stage: Estimate, effect: float, num_seeds: int) -> Estimate:
    """The estimate after the second stage, with the noise as the first stage measured it.

    Args:
        first_stage: of the first seeds alone.
        effect: mean difference over the seeds of both stages.
        num_seeds: of both stages.
    """
    if num_seeds < first_stage.num_seeds:
        raise ValueError(
            f"both stages have {num_seeds} seeds, fewer than the {first_stage.num_seeds} of the first; "
            "count those of the first stage too"
        )
    standard_error = first_stage.sd / math.sqrt(num_seeds)
    return Estimate(first_stage.method, effect, standard_error, first_stage.df, num_seeds)
