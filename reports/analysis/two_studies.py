"""Two studies side by side: what both have, what differs, and how far equal arms lie apart. All of it exploratory."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.spec.study import StudyPlan
from reports.analysis.arm_pairs import MatchedArms, match_arms
from reports.analysis.estimates import score
from reports.analysis.spec_differences import differences
from reports.analysis.study import analyse
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.results.study import Analysis, Spread
from reports.results.two_studies import (
    ArmDifference,
    ArmPair,
    SettingDifference,
    Side,
    SideVerdict,
    TwoStudies,
    VerdictPair,
)
from reports.scale import Scale, scale_of, scale_of_metric
from reports.stats.multiplicity import benjamini_hochberg
from reports.stats.paired import paired_effect
from reports.wording import range_text

LEVEL = 0.95
ENVIRONMENT = ("code_version", "python", "torch", "ray", "timm", "device", "threads_per_worker")


@dataclass(frozen=True, slots=True)
class _Both:
    """The two studies with what may be computed about them."""

    first: StudyData
    second: StudyData
    scale: Scale
    obstacles: tuple[str, ...]


def compare_studies(first: StudyData, second: StudyData) -> TwoStudies:
    """Hold two studies side by side; either may be unfinished.

    A difference is second minus first, over the seeds that an arm finished in both, where data, splits and metric
    are the same. Each is judged by a paired t of its own: nothing was promised about it.
    """
    plans = (first.plan, second.plan)
    delta = min(plan.metric.delta for plan in plans)
    both = _Both(first, second, scale_of(first.plan.metric.name, delta), _obstacles(*plans))
    matched = match_arms(*plans)
    analyses = (analyse(first), analyse(second))
    return TwoStudies(
        first=_side(analyses[0]),
        second=_side(analyses[1]),
        metric=both.scale.name,
        metric_title=both.scale.title,
        unit=both.scale.unit,
        obstacles=both.obstacles,
        settings=_settings(*plans),
        environments=_environments(first, second),
        arms=_with_q(tuple(_pair(both, pair) for pair in matched.pairs)),
        only_first=matched.only_first,
        only_second=matched.only_second,
        verdicts=_verdicts(first, second, *analyses),
        notes=_notes(both, matched.pairs),
    )


def _side(analysis: Analysis) -> Side:
    done = analysis.completeness
    return Side(
        study=analysis.study,
        question=analysis.question,
        setting=analysis.setting,
        num_planned=done.num_planned,
        num_finished=done.num_finished,
        num_failed=done.num_failed,
    )


def _obstacles(first: StudyPlan, second: StudyPlan) -> tuple[str, ...]:
    found = []
    if first.data.fingerprint != second.data.fingerprint:
        found.append(
            f"the data differ: fingerprint {first.data.fingerprint[:12]} ({_counts(first)}) and "
            f"{second.data.fingerprint[:12]} ({_counts(second)}); it covers images, labels and splits"
        )
    if first.metric.name != second.metric.name:
        found.append(f"the metrics differ: {first.metric.name} and {second.metric.name}")
    return tuple(found)


def _settings(first: StudyPlan, second: StudyPlan) -> tuple[SettingDifference, ...]:
    def facts(plan: StudyPlan) -> dict[str, Any]:
        return {
            "design": plan.design,
            "metric": plan.metric.name,
            "delta": f"{plan.metric.delta:g}",
            "level of the verdicts": f"{plan.alpha:g}",
            "seeds": ", ".join(map(str, plan.seeds)),
            "data fingerprint": plan.data.fingerprint,
            "images": _counts(plan),
            "classes": ", ".join(plan.data.class_names),
        }

    one, two = facts(first), facts(second)
    of_study = tuple(
        SettingDifference(what=name, first=one[name], second=two[name]) for name in one if one[name] != two[name]
    )
    if not (first.arms and second.arms):
        return of_study
    bare = differences(first.arms[0].final.spec, second.arms[0].final.spec)
    return of_study + tuple(found.model_copy(update={"what": f"bare's {found.what}"}) for found in bare)


def _environments(first: StudyData, second: StudyData) -> tuple[SettingDifference, ...]:
    def values(study: StudyData, name: str) -> str:
        found = {str(getattr(record.environment, name)) for record in study.records.values()}
        return ", ".join(sorted(found)) or "no run yet"

    pairs = {name: (values(first, name), values(second, name)) for name in ENVIRONMENT}
    return tuple(
        SettingDifference(what=name.replace("_", " "), first=one, second=two)
        for name, (one, two) in pairs.items()
        if one != two
    )


def _pair(both: _Both, pair: MatchedArms) -> ArmPair:
    one, two = _scores(both.first, pair.first), _scores(both.second, pair.second)
    difference, why = None, ""
    common = tuple(seed for seed in one if seed in two)
    if both.obstacles:
        why = "the data or the metric differ"
    elif pair.matched == "same runs":
        why = "the same runs answer for both"
    elif len(common) < 2:
        why = "one seed in common" if common else "no seed in common yet"
    else:
        difference = _difference(np.array([two[seed] - one[seed] for seed in common]), common)
    return ArmPair(
        first=pair.first,
        second=pair.second,
        matched=pair.matched,
        changed=pair.changed,
        first_score=_spread(one),
        second_score=_spread(two),
        difference=difference,
        why_none=why,
    )


def _scores(study: StudyData, arm: str) -> dict[int, float]:
    """Seed -> score of the study's own metric, in display units."""
    scale, planned = scale_of_metric(study.plan.metric), study.plan.arm(arm)
    scores = {seed: score(study, planned.final.stage_hash, seed, scale) for seed in study.plan.seeds_of(planned)}
    return {seed: value for seed, value in scores.items() if value is not None}


def _difference(values: np.ndarray, seeds: tuple[int, ...]) -> ArmDifference:
    estimate = paired_effect(values)
    if not estimate.has_spread:
        return ArmDifference(estimate=estimate.effect, level=LEVEL, interval=None, p=None, df=estimate.df, seeds=seeds)
    limits = estimate.interval(LEVEL)
    return ArmDifference(
        estimate=estimate.effect,
        level=LEVEL,
        interval=Range(low=limits.low, high=limits.high),
        p=estimate.p,
        df=estimate.df,
        seeds=seeds,
    )


def _with_q(pairs: tuple[ArmPair, ...]) -> tuple[ArmPair, ...]:
    tested = [i for i, pair in enumerate(pairs) if pair.difference is not None and pair.difference.p is not None]
    if not tested:
        return pairs
    p_values = np.array([found.p for i in tested if (found := pairs[i].difference) is not None])
    adjusted = dict(zip(tested, benjamini_hochberg(p_values).tolist(), strict=True))
    return tuple(
        pair
        if i not in adjusted or pair.difference is None
        else pair.model_copy(update={"difference": pair.difference.model_copy(update={"q": adjusted[i]})})
        for i, pair in enumerate(pairs)
    )


def _spread(scores: dict[int, float]) -> Spread | None:
    values = np.array(list(scores.values()))
    if not len(values):
        return None
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(mean=float(np.mean(values)), sd=sd, n=len(values))


def _verdicts(first: StudyData, second: StudyData, one: Analysis, two: Analysis) -> tuple[VerdictPair, ...]:
    """Of the declared effects and the controls, in the order of the first study, then what only the second asks."""
    sides = []
    for study, analysis in ((first, one), (second, two)):
        scale = scale_of_metric(study.plan.metric)
        sides.append({(e.factor, e.context): _verdict(e, scale) for e in analysis.declared + analysis.controls})
    return tuple(
        VerdictPair(factor=key[0], context=key[1], first=sides[0].get(key), second=sides[1].get(key))
        for key in dict.fromkeys([*sides[0], *sides[1]])
    )


def _verdict(effect: Effect, scale: Scale) -> SideVerdict:
    if effect.estimate is None:
        return SideVerdict(numbers="", sentence=effect.sentence)
    numbers = f"{scale.difference(effect.estimate)} {range_text(effect.ci95, scale)}".rstrip()
    return SideVerdict(numbers=numbers, sentence=effect.sentence)


def _notes(both: _Both, pairs: tuple[MatchedArms, ...]) -> tuple[str, ...]:
    notes = [
        "Nobody promised any of these differences beforehand: they are leads for a study of their own, not verdicts.",
        "A factor that one study finds and the other does not is not thereby a factor that works differently in both: "
        "the difference of two verdicts is no verdict.",
    ]
    if any(pair.matched != "same runs" for pair in pairs) and not both.obstacles:
        notes.append(
            "Differences are second minus first by a paired t over the seeds of both: the same seed draws the same "
            "images in the same order, as far as the recipes let it."
        )
    if _environments(both.first, both.second) and not both.obstacles:
        notes.append("Versions or hardware differ: part of any difference may come from there.")
    return tuple(notes)


def _counts(plan: StudyPlan) -> str:
    return ", ".join(f"{count:,} {role}" for role, count in plan.data.num_samples.items())
