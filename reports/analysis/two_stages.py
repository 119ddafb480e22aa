"""A study whose number of seeds was chosen by the spread over its first ones: that spread stays the one that counts.

The mean over all seeds does not depend on it, so the interval keeps its level; a spread over all of them would be
small by choice.
"""

from dataclasses import replace

from reports.records.load import StudyData
from reports.stats.estimate import Estimate, Method
from reports.stats.two_stage import two_stage_estimate


def first_stage(study: StudyData) -> StudyData | None:
    """The study with the seeds of its first stage alone; None where spread and effect come from the same seeds."""
    plan = study.plan
    if plan.stage_one_seeds == plan.seeds:
        return None
    return replace(study, plan=plan.model_copy(update={"seeds": plan.stage_one_seeds}))


def with_first_spread(every: dict[Method, Estimate], first: dict[Method, Estimate]) -> dict[Method, Estimate]:
    """Effects over all seeds with the spread and the degrees of freedom of the first stage, by method."""
    return {
        method: two_stage_estimate(first[method], estimate.effect, max(estimate.num_seeds, first[method].num_seeds))
        for method, estimate in every.items()
        if method in first
    }
