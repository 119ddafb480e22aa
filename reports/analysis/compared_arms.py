"""Which arm to look at beside bare when single images are shown."""

from pipeline.spec.study import StudyPlan
from reports.analysis.arms import bare_arm
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.results.seen import ComparedArms
from reports.results.study import Analysis
from reports.scale import scale_of_metric

FULL = "full"


def compared_arms(study: StudyData, analysis: Analysis) -> ComparedArms | None:
    """Bare and the recipe to keep; where nothing was kept, full, or else the factor with the largest estimate.

    None where bare or any such arm was not planned.
    """
    bare = bare_arm(study)
    if bare is None:
        return None
    kept = analysis.recipe_to_keep
    if kept.factors and kept.arm is not None:
        return ComparedArms(reference=bare.name, other=kept.arm, why=f"{kept.arm} is the recipe to keep.")
    missing = "The recipe to keep was not run itself" if kept.factors else "Nothing was found to help"
    if any(arm.name == FULL for arm in study.plan.arms):
        return ComparedArms(reference=bare.name, other=FULL, why=f"{missing}; {FULL} has every factor.")
    best = _largest(study.plan, analysis, bare.name)
    if best is None:
        return None
    why = (
        f"{missing}; {best.treatment} has the largest estimate of the arms compared with {bare.name}. Picked after the "
        "results were seen, it looks better here than it is."
    )
    return ComparedArms(reference=bare.name, other=best.treatment, why=why)


def _largest(plan: StudyPlan, analysis: Analysis, bare: str) -> Effect | None:
    sign = 1.0 if scale_of_metric(plan.metric).higher_is_better else -1.0
    found = [
        (sign * effect.estimate, effect)
        for effect in analysis.effects
        if effect.reference == bare and effect.treatment and not effect.control and effect.estimate is not None
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None
