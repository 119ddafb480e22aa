"""The gain of full over bare, shared out: every share beside the whole, and how much the choice of orders matters."""

from reports.analysis.estimates import Family
from reports.analysis.order_spread import other_orders, step_gains
from reports.analysis.shares import whole_gain
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.results.orders import Share, ShareAnalysis
from reports.results.ranges import Range
from reports.scale import Scale

CONTEXT = "share of the gain"


def analyse_shares(study: StudyData, family: Family, effects: tuple[Effect, ...], scale: Scale) -> ShareAnalysis | None:
    """Every share and their whole; None in a design that has no shares.

    Args:
        study: plan and records.
        family: whose pooled model gives the whole gain, as it gives the shares.
        effects: of the study, judged.
        scale: of the metric that decides.
    """
    shares = [effect for effect in effects if effect.context == CONTEXT]
    if not shares:
        return None
    sampled = {c.factor: c for c in study.plan.comparisons if c.draws and c.context == CONTEXT}
    found: list[Share] = []
    for effect in shares:
        gains = step_gains(study.plan, sampled[effect.factor], family.cells) if effect.factor in sampled else None
        found.append(
            Share(
                factor=effect.factor,
                estimate=effect.estimate,
                ci95=effect.ci95,
                order_half_width=None if gains is None or len(gains) < 2 else other_orders(gains),
            )
        )
    whole = whole_gain(study, family, scale, study.plan.alpha)
    return ShareAnalysis(
        level=shares[0].level,
        shares=tuple(found),
        total=None if whole is None else whole.effect,
        total_ci95=None if whole is None else Range(low=whole.interval.low, high=whole.interval.high),
        num_orders=max([sum(len(draw) for draw in c.draws) for c in sampled.values()], default=0) or None,
    )
