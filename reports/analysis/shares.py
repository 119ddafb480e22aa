"""Shares of the gain of full over bare as percentages: only where a percentage means something.

Where the interval of the whole gain includes 0, its size may be anything, and where some shares are above 0 and others
below, one of them may well be "140%": in both cases a percentage would be read as knowledge that is not there.
"""

from dataclasses import dataclass

from reports.analysis.arms import bare_arm
from reports.analysis.contrast import difference
from reports.analysis.estimates import Family, estimate_all, make_contrast
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.scale import Scale
from reports.stats.estimate import Interval, Method
from reports.stats.power import ALPHA


@dataclass(frozen=True, slots=True)
class WholeGain:
    """Full minus bare in display units, as the pooled model sees it."""

    effect: float
    interval: Interval

    def text(self, scale: Scale) -> str:
        """'+2.25 pt [2.12, 2.38]'."""
        low, high = scale.value(self.interval.low), scale.value(self.interval.high)
        return f"{scale.difference(self.effect)} [{low}, {high}]"


def with_percentages(
    study: StudyData, family: Family, effects: tuple[Effect, ...], scale: Scale, alpha: float = ALPHA
) -> tuple[Effect, ...]:
    """The effects, each share of the gain with one note more: its percentage, or why it has none.

    Args:
        study: plan and records.
        family: whose pooled model gives the interval of the whole gain.
        effects: of factors, shares and others.
        scale: of the metric that decides.
        alpha: two-sided level of that interval.
    """
    shares = [
        effect.estimate for effect in effects if effect.context == "share of the gain" and effect.estimate is not None
    ]
    if not shares:
        return effects
    whole = whole_gain(study, family, scale, alpha)
    if whole is None:
        why_not = "no interval of full minus bare yet"
    elif 0 in whole.interval:
        why_not = f"the interval of full minus bare, {whole.text(scale)}, includes 0"
    else:
        why_not = "" if min(shares) >= 0 or max(shares) <= 0 else "some shares are above 0 and others below"

    def noted(effect: Effect) -> Effect:
        if effect.context != "share of the gain" or effect.estimate is None:
            return effect
        if whole is None or why_not:
            note = f"no percentage of the gain: {why_not}"
        else:
            note = f"{effect.estimate / whole.effect:.0%} of the gain of full over bare, {whole.text(scale)}"
        return effect.model_copy(update={"notes": (*effect.notes, note)})

    return tuple(noted(effect) for effect in effects)


def whole_gain(study: StudyData, family: Family, scale: Scale, alpha: float) -> WholeGain | None:
    """Full minus bare by the pooled model; None where an arm or its spread is missing."""
    bare = bare_arm(study)
    full = next((arm for arm in study.plan.arms if arm.name == "full"), None)
    if bare is None or full is None:
        return None
    contrast = make_contrast(study, difference(full.final.stage_hash, bare.final.stage_hash), scale)
    estimate = estimate_all(study, family, contrast, scale).get(Method.POOLED)
    if estimate is None or not estimate.has_spread:
        return None
    return WholeGain(estimate.effect, estimate.interval(1 - alpha))
