"""The other validation metrics of each comparison: exploratory, with the false discovery rate controlled."""

import numpy as np

from pipeline.spec.records import HIGHER_IS_BETTER
from reports.analysis.contrast import stage_weights
from reports.analysis.effects import Judged
from reports.analysis.estimates import estimate_all, make_contrast, make_family
from reports.analysis.two_stages import first_stage, with_first_spread
from reports.records.load import StudyData
from reports.results.effect import Effect, SecondaryEffect
from reports.results.ranges import Range
from reports.scale import scale_of
from reports.stats.estimate import Estimate
from reports.stats.multiplicity import benjamini_hochberg


def with_secondary(study: StudyData, judged: Judged) -> tuple[Effect, ...]:
    """The effects of factors, those declared with their other metrics, by the method that judged the first one."""
    found: list[tuple[int, str, Estimate]] = []
    planned = [comparison for comparison in study.plan.comparisons if not comparison.control]
    earlier = first_stage(study)  # the spread that chose the number of seeds goes with that of other metrics
    for metric in _metrics(study):
        scale = scale_of(metric)
        family = make_family(study, scale)
        first = None if earlier is None else make_family(earlier, scale)
        for index, (comparison, effect) in enumerate(zip(planned, judged.effects, strict=True)):
            if effect.method is None or effect.exploratory:
                continue
            contrast = family.contrasts[stage_weights(study.plan, comparison)]
            every = estimate_all(study, family, contrast, scale)
            if earlier is not None and first is not None:
                early = make_contrast(earlier, contrast.key, scale)
                every = with_first_spread(every, estimate_all(earlier, first, early, scale))
            estimate = every.get(effect.method)
            if estimate is not None and estimate.has_spread:
                found.append((index, metric, estimate))
    adjusted = benjamini_hochberg(np.array([estimate.p for _, _, estimate in found]))
    by_effect: dict[int, list[SecondaryEffect]] = {}
    for (index, metric, estimate), q in zip(found, adjusted, strict=True):
        limits = estimate.interval()
        by_effect.setdefault(index, []).append(
            SecondaryEffect(
                metric=metric,
                estimate=estimate.effect,
                ci95=Range(low=limits.low, high=limits.high),
                p=estimate.p,
                q=float(q),
            )
        )
    return tuple(
        effect.model_copy(update={"secondary": tuple(by_effect.get(index, ()))})
        for index, effect in enumerate(judged.effects)
    )


def _metrics(study: StudyData) -> list[str]:
    """Metrics that every finished run reports on validation, the deciding one left out."""
    hashes = {arm.final.stage_hash for arm in study.plan.arms}
    records = [r for (stage, _), r in study.records.items() if stage in hashes and r.failure is None]
    return [
        name
        for name in HIGHER_IS_BETTER
        if name != study.plan.metric.name and records and all(f"val/{name}" in record.metrics for record in records)
    ]
