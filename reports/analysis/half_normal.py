"""The effects of a screen by size, against the sizes that luck alone would give (Daniel 1959, Technometrics 1).

Where every effect is 0, the sizes are those of half-normal draws and lie on a line through 0. Daniel had one run of
each cell and read the spread off the small effects; here seeds repeat every cell, so the line is the spread they show.
"""

import numpy as np
from scipy import special

from pipeline.spec.study import StudyPlan
from reports.results.effect import Effect
from reports.results.half_normal import HalfNormalAnalysis, RankedEffect
from reports.scale import Scale
from reports.stats.estimate import Method

FEWEST = 4
"""Effects below which a rank says nothing."""


def analyse_half_normal(plan: StudyPlan, effects: tuple[Effect, ...], scale: Scale) -> HalfNormalAnalysis | None:
    """Sizes of the effects that one fit over all arms gave; None where the design is no screen or fraction.

    Args:
        plan: which says whether the design mixes effects.
        effects: of the study, judged; those that the pooled model estimated are ranked.
        scale: of the metric that decides.
    """
    pooled = [
        (effect, found.estimate, (found.ci95.high - found.ci95.low) / 2, found.df)
        for effect in effects
        for found in effect.others
        if effect.weights and found.method is Method.POOLED and found.ci95 is not None
    ]
    if not plan.aliases or len(pooled) < FEWEST:
        return None
    df = pooled[0][3]
    standard_error = max(half for _, _, half, _ in pooled) / float(special.stdtrit(df, 0.975))
    ranked = sorted(pooled, key=lambda one: abs(one[1]))
    alpha = plan.alpha
    return HalfNormalAnalysis(
        points=tuple(
            RankedEffect(
                factor=effect.factor,
                context=effect.context,
                size=abs(estimate),
                gain=scale.gain(estimate),
                quantile=float(quantile),
            )
            for (effect, estimate, _, _), quantile in zip(ranked, half_normal_quantiles(len(ranked)), strict=True)
        ),
        standard_error=standard_error,
        df=df,
        level=1 - alpha,
        limit=standard_error * float(special.stdtrit(df, 1 - alpha / 2)),
        limit_of_all=standard_error * float(special.stdtrit(df, 1 - alpha / (2 * len(ranked)))),
    )


def half_normal_quantiles(count: int) -> np.ndarray:
    """[count] sizes of standard normal draws, smallest first, at the middle of each rank's share."""
    return special.ndtri(0.5 + 0.5 * (np.arange(count) + 0.5) / count)
