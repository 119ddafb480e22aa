"""What the controls of a study must show, and whether they did."""

from pipeline.spec.study import Comparison
from reports.records.load import StudyData
from reports.results.effect import Expectation
from reports.scale import Scale
from reports.stats.estimate import Estimate
from reports.stats.verdict import Ruling, Verdict


def expectation(study: StudyData, comparison: Comparison) -> Expectation | None:
    """What a control must show: nothing for the placebo, harm for label noise; None for any other."""
    kinds = {comparison.factor}
    if comparison.treatment:
        strategies = study.plan.arm(comparison.treatment).final.spec.get("strategies") or []
        kinds |= {str(s.get("kind")) for s in strategies if isinstance(s, dict)}
    if "placebo" in kinds:
        return "no evidence"
    return "hurts" if "label_noise" in kinds else None


def judged_alone(study: StudyData, comparison: Comparison) -> bool:
    """Whether a control must show nothing, and is therefore judged by its own spread.

    Its alarm makes all other verdicts doubtful, so it must be as rare as it says whatever the arms scatter like. With
    the variance of others it comes in 7% of the studies in which the placebo scatters twice as much as bare.
    """
    return comparison.control and expectation(study, comparison) == "no evidence"


def as_expected(
    expected: Expectation | None, ruling: Ruling, chosen: Estimate | None, scale: Scale, alpha: float
) -> bool | None:
    """Whether a control showed what it must; None where that cannot be told, or nothing is expected."""
    if expected is None:
        return None
    if ruling.verdict is Verdict.NO_EFFECT:
        # Not even luck differed, so a placebo that shows nothing has tested nothing.
        return None if expected == "no evidence" else False
    if chosen is None or not chosen.has_spread:
        # A control that could not be judged has neither passed nor failed; one that only diverged did hurt.
        return True if expected == "hurts" and ruling.verdict is Verdict.UNSTABLE else None
    found = chosen.p < alpha and ruling.verdict is not Verdict.NO_MEANINGFUL_DIFFERENCE
    if expected == "no evidence":
        return not found
    return found and scale.gain(chosen.effect) < 0
