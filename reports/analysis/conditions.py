"""Whether the effects of a study are the same under its other conditions. All of it exploratory.

The study itself keeps its declared family, and each condition is judged by its own study with a family of its own.
That a factor is found here and not there is no evidence that it works differently: the difference of the two effects is
tested (Gelman and Stern 2006, doi:10.1198/000313006X152649), all of them as one family by Benjamini and Hochberg.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.spec.study import Condition
from reports.analysis.arms import bare_arm
from reports.analysis.completeness import assess_completeness
from reports.analysis.condition_words import sentence, summary
from reports.analysis.effects import judge
from reports.analysis.estimates import score
from reports.analysis.unassessed import unassessed
from reports.records.load import StudyData
from reports.results.conditions import (
    Change,
    ConditionState,
    EffectThere,
    EffectUnderConditions,
    UnderConditions,
)
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.scale import Scale, scale_of_metric
from reports.stats.change import change
from reports.stats.equivalence import tost
from reports.stats.estimate import Estimate
from reports.stats.multiplicity import benjamini_hochberg
from reports.stats.power import smallest_effect
from reports.stats.verdict import Q_LEVEL, Verdict
from reports.wording import describe_setting, place

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class _Pair:
    """One effect of the study, what it is under a condition, and their difference or why there is none."""

    own: Effect
    condition: Condition
    there: Effect | None
    change: Estimate | None
    why_none: str


def under_conditions(study: StudyData, effects: tuple[Effect, ...]) -> UnderConditions | None:
    """Hold every declared effect of a study beside itself under each condition; None where it has no conditions.

    Args:
        study: with those of its conditions that have been started.
        effects: of the study itself, judged.
    """
    plan = study.plan
    if not plan.conditions:
        return None
    scale, delta = scale_of_metric(plan.metric), plan.metric.delta
    declared = [effect for effect in effects if not effect.exploratory]
    several = len({effect.context for effect in declared}) > 1
    pairs = list(_pairs(study, declared))
    # What has no result yet counts among what was asked, so that nothing stands out only while it is missing.
    q_values = benjamini_hochberg(np.array([1.0 if pair.change is None else pair.change.p for pair in pairs]))

    def title(effect: Effect) -> str:
        return f"{effect.factor}, {place(effect.context)}" if several else effect.factor

    found = [_there(pair, float(q), scale, delta) for pair, q in zip(pairs, q_values, strict=True)]
    return UnderConditions(
        conditions=tuple(_state(condition, study.conditions.get(condition.study)) for condition in plan.conditions),
        bare=_bare_mean(study),
        effects=tuple(
            EffectUnderConditions(
                title=title(effect),
                factor=effect.factor,
                context=effect.context,
                verdict=effect.verdict,
                estimate=effect.estimate,
                ci95=effect.ci95,
                there=tuple(one for pair, one in zip(pairs, found, strict=True) if pair.own is effect),
            )
            for effect in declared
        ),
        num_compared=sum(pair.change is not None for pair in pairs),
        sentence=summary([(title(pair.own), one) for pair, one in zip(pairs, found, strict=True)], scale, delta),
    )


def _pairs(study: StudyData, declared: list[Effect]) -> Iterator[_Pair]:
    judged = {name: _effects(other) for name, other in study.conditions.items()}
    for own in declared:
        for condition in study.plan.conditions:
            there = judged.get(condition.study, {}).get((own.factor, own.context))
            difference, why = None, ""
            if condition.study not in judged:
                why = "not run yet"
            elif there is None:
                why = "its design has no such comparison there"
            elif not (reason := _why_not(there, "there") or _why_not(own, "in the study itself")):
                difference = change(_estimate(own), _estimate(there))
            else:
                why = reason
            yield _Pair(own, condition, there, difference, why)


def _effects(study: StudyData) -> dict[tuple[str, str], Effect]:
    judged = judge(study, assess_completeness(study), study.plan.alpha).effects
    return {(effect.factor, effect.context): effect for effect in (*judged, *unassessed(study.plan))}


def _why_not(effect: Effect, where: str) -> str:
    """Why an effect has no estimate with a spread; empty where it has one."""
    if effect.standard_error is not None:
        return ""
    if effect.verdict in (Verdict.NO_EFFECT, Verdict.IDENTICAL_RUNS):
        return f"{effect.verdict} {where}"
    if effect.n < 2:
        return f"{effect.n} of {effect.num_seeds_planned} seeds {where}"
    return f"{effect.sentence} {where}"


def _estimate(effect: Effect) -> Estimate:
    assert effect.estimate is not None and effect.standard_error is not None
    assert effect.method is not None and effect.df is not None
    return Estimate(effect.method, effect.estimate, effect.standard_error, effect.df, effect.n)


def _there(pair: _Pair, q: float, scale: Scale, delta: float) -> EffectThere:
    there, found = pair.there, pair.change
    if there is None or found is None:
        return EffectThere(
            condition=pair.condition.name,
            effect=there,
            change=Change.NOT_ASSESSED,
            sentence=f"not assessed ({pair.why_none})",
        )
    detectable = smallest_effect(found.sd, found.num_seeds, found.df)
    ruling = _rule(pair.own, there, found, q, scale, delta)
    return EffectThere(
        condition=pair.condition.name,
        effect=there,
        difference=found.effect,
        difference_ci95=Range.of(found.interval(LEVEL)),
        p=found.p,
        q=q,
        df=found.df,
        detectable=detectable,
        change=ruling,
        sentence=sentence(ruling, pair.own, there, found.effect, detectable, scale, delta),
    )


def _rule(own: Effect, there: Effect, found: Estimate, q: float, scale: Scale, delta: float) -> Change:
    if tost(found, delta).within:
        return Change.HOLDS
    if q >= Q_LEVEL or 0 in found.interval(LEVEL):
        return Change.NO_EVIDENCE
    one, other = _side(own), _side(there)
    if one * other < 0:
        return Change.REVERSES
    return Change.FLIPS if _flips(own.verdict, there.verdict, scale.gain(found.effect)) else Change.DIFFERS


def _flips(own: Verdict, there: Verdict, gain: float) -> bool:
    """Whether the difference goes the way the verdict went: what gains more there is not refuted by more noise.

    Args:
        own: in the study itself.
        there: under the condition.
        gain: of the effect there over the effect in the study itself, above 0 when better.
    """
    if own.helps:
        return gain < 0 and not there.helps
    if own.hurts:
        return gain > 0 and not there.hurts
    return (gain > 0 and there.helps) or (gain < 0 and there.hurts)


def _side(effect: Effect) -> int:
    """1 or -1 where the interval of an effect leaves out 0, else 0."""
    if effect.ci95 is None or effect.ci95.low <= 0 <= effect.ci95.high:
        return 0
    return 1 if effect.ci95.low > 0 else -1


def _state(condition: Condition, study: StudyData | None) -> ConditionState:
    state = ConditionState(name=condition.name, study=condition.study, changes=condition.changes)
    if study is None:
        return state
    done = assess_completeness(study)
    return state.model_copy(
        update={
            "setting": describe_setting(study.plan),
            "num_planned": done.num_planned,
            "num_finished": done.num_finished,
            "bare": _bare_mean(study),
        }
    )


def _bare_mean(study: StudyData) -> float | None:
    bare, scale = bare_arm(study), scale_of_metric(study.plan.metric)
    if bare is None:
        return None
    scores = [score(study, bare.final.stage_hash, seed, scale) for seed in study.plan.seeds_of(bare)]
    known = [value for value in scores if value is not None]
    return float(np.mean(known)) if known else None
