"""Every planned comparison, judged.

Controls are judged beside the factors and not among them. They are no candidates for the recipe, they check the
instrument: the placebo must show no evidence, and mislabelled training images must hurt. Counting them in Holm's
correction would make every factor pay for questions whose answers are known.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.spec.study import Comparison
from reports.cost import step_ratio
from reports.estimates import Family, Pair, estimate_all, make_family, make_pair, pair_key
from reports.findings import describe_undeclared
from reports.load import StudyData
from reports.results import Completeness, Effect, Expectation, MethodResult, Range
from reports.scale import Scale, scale_of_metric
from reports.stats.estimate import Estimate, Interval, Method
from reports.stats.headline import degrees_of_freedom, headline_method
from reports.stats.multiplicity import holm
from reports.stats.power import ALPHA
from reports.stats.proportion import wilson
from reports.stats.verdict import (
    Evidence,
    Ruling,
    Verdict,
    identical_runs,
    no_effect,
    not_assessed,
    rule,
    same_specification,
    unstable,
)
from reports.wording import describe_setting, quote


@dataclass(frozen=True, slots=True)
class Judged:
    """All effects of a study, with what they were judged by."""

    effects: tuple[Effect, ...]
    controls: tuple[Effect, ...]
    headline: Method | None
    family: Family


def judge(study: StudyData, completeness: Completeness) -> Judged:
    """Judge every planned comparison on the metric that decides."""
    scale = scale_of_metric(study.plan.metric)
    family = make_family(study, scale)
    method = headline_method(len(study.plan.seeds), len(family.keys))
    chosen = {key: _choose(study, family, pair, method, scale) for key, pair in family.pairs.items()}
    # The family was fixed by the plan: a comparison that came to nothing still counts, with p = 1.
    raw = [e.p if (e := chosen[key]) is not None and e.has_spread else 1.0 for key in family.keys]
    adjusted = dict(zip(family.keys, holm(np.array(raw)), strict=True))
    context = _Context(study, completeness, scale, family, method)
    effects = [
        context.effect(comparison, family.pairs[key], chosen[key], float(adjusted[key]), len(family.keys))
        for comparison in study.plan.comparisons
        if not comparison.control
        for key in [pair_key(study, comparison)]
    ]
    controls = []
    for comparison in study.plan.comparisons:
        if comparison.control:
            pair = make_pair(study, pair_key(study, comparison), scale)
            estimate = _choose(study, family, pair, method, scale)
            p = estimate.p if estimate is not None and estimate.has_spread else 1.0
            controls.append(context.effect(comparison, pair, estimate, p, 1))
    return Judged(tuple(effects), tuple(controls), method, family)


def expectation(study: StudyData, comparison: Comparison) -> Expectation | None:
    """What a control must show: nothing for the placebo, harm for label noise; None for any other."""
    arm = study.plan.arm(comparison.treatment)
    strategies = arm.final.spec.get("strategies") or []
    kinds = {str(s.get("kind")) for s in strategies if isinstance(s, dict)} | {comparison.factor}
    if "placebo" in kinds:
        return "no evidence"
    return "hurts" if "label_noise" in kinds else None


def _choose(study: StudyData, family: Family, pair: Pair, method: Method | None, scale: Scale) -> Estimate | None:
    """The headline estimate of a pair. Two seeds left of more planned ones can only be judged with all arms pooled."""
    if method is None or len(pair.seeds) < 2 or pair.identical or pair.seeds_do_nothing:
        return None
    if len(pair.seeds) == 2:
        method = Method.POOLED
    return estimate_all(study, family, pair, scale).get(method)


@dataclass(frozen=True, slots=True)
class _Context:
    study: StudyData
    completeness: Completeness
    scale: Scale
    family: Family
    method: Method | None

    def effect(
        self, comparison: Comparison, pair: Pair, chosen: Estimate | None, p_holm: float, num_comparisons: int
    ) -> Effect:
        evidence = self._evidence(chosen, p_holm, num_comparisons)
        ruling = self._ruling(comparison, pair, evidence)
        measured = () if pair.identical else zip(pair.seeds, pair.differences, strict=True)
        differences = {seed: float(difference) for seed, difference in measured}
        every = estimate_all(self.study, self.family, pair, self.scale) if pair.informative else {}
        expected = expectation(self.study, comparison) if comparison.control else None
        effect = Effect(
            factor=comparison.factor,
            context=comparison.context,
            treatment=comparison.treatment,
            reference=comparison.reference,
            control=comparison.control,
            expected=expected,
            as_expected=_as_expected(expected, ruling, chosen, self.scale),
            verdict=ruling.verdict,
            sentence=ruling.sentence,
            n=len(pair.seeds),
            num_seeds_planned=len(self.study.plan.seeds),
            correlation=None if pair.identical else _correlation(pair),
            differences=differences,
            identical_seeds=pair.identical_seeds,
            others=tuple(_method_result(estimate) for estimate in every.values()),
            notes=self._notes(comparison, pair, evidence, ruling),
            step_ratio=step_ratio(self.study, *pair.key),
        )
        if evidence is None or chosen is None:
            return effect.model_copy(
                update={"estimate": float(np.mean([*differences.values()])) if differences else None}
            )
        update = {
            "estimate": chosen.effect,
            "ci95": _range(chosen.interval(0.95)),
            "ci90": _range(chosen.interval(0.90)),
            "p": chosen.p,
            "p_holm": p_holm,
            "method": chosen.method,
            "df": chosen.df,
            "mde": evidence.smallest_detectable,
            "sd": chosen.sd,
        }
        effect = effect.model_copy(update=update)
        detail = quote(effect, describe_setting(self.study.plan), self.scale, num_comparisons)
        return effect.model_copy(update={"detail": detail})

    def _evidence(self, chosen: Estimate | None, p_holm: float, num_comparisons: int) -> Evidence | None:
        if chosen is None or not chosen.has_spread:
            return None
        gain = Estimate(
            chosen.method, self.scale.gain(chosen.effect), chosen.standard_error, chosen.df, chosen.num_seeds
        )
        return Evidence(gain, p_holm, num_comparisons, self.study.plan.metric.delta, self._df_at())

    def _df_at(self) -> Callable[[int], float]:
        num_comparisons, num_cells = len(self.family.keys), max(2, self.family.cells.num_cells)

        def df_at(num_seeds: int) -> float:
            method = headline_method(num_seeds, num_comparisons) or Method.POOLED
            return degrees_of_freedom(method, num_seeds, num_cells)

        return df_at

    def _ruling(self, comparison: Comparison, pair: Pair, evidence: Evidence | None) -> Ruling:
        num_planned = len(self.study.plan.seeds)
        if pair.key[0] == pair.key[1]:
            return same_specification()
        failed_with, failed_without = self._num_failed(comparison.treatment), self._num_failed(comparison.reference)
        if failed_with > failed_without:
            return unstable(failed_with, num_planned)
        if pair.identical:
            return no_effect(len(pair.seeds))
        if num_planned == 1:
            return not_assessed("one seed: no verdict")
        if len(pair.seeds) < 2:
            return not_assessed(self._why_missing(comparison, pair))
        if pair.seeds_do_nothing:
            return identical_runs()
        if evidence is None:
            # The arms do vary with the seed, but by the same amount: seen with few validation images.
            return not_assessed(f"all {len(pair.seeds)} differences are equal, so their spread is unknown")
        return rule(evidence, self.scale)

    def _num_failed(self, arm: str) -> int:
        return sum(cell.state == "failed" for cell in self.completeness.of_arm(arm))

    def _why_missing(self, comparison: Comparison, pair: Pair) -> str:
        arms = (comparison.treatment, comparison.reference)
        cells = [cell for arm in arms for cell in self.completeness.of_arm(arm)]
        blocked = sorted({cell.reason for cell in cells if cell.state == "blocked"})
        seen = f"{len(pair.seeds)} of {len(self.study.plan.seeds)} seeds finished in both arms"
        return "; ".join([*blocked, seen])

    def _notes(self, comparison: Comparison, pair: Pair, evidence: Evidence | None, ruling: Ruling) -> tuple[str, ...]:
        notes: list[str] = []
        num_planned = len(self.study.plan.seeds)
        for name in (comparison.treatment, comparison.reference):
            if failed := self._num_failed(name):
                limits = wilson(failed, num_planned)
                note = f"{name}: {failed} of {num_planned} runs failed (95% CI {limits.low:.0%} to {limits.high:.0%})"
                notes.append(f"{note}; the difference is conditional on success" if pair.seeds else note)
            cells = self.completeness.of_arm(name)
            notes.extend(f"{name}, seed {cell.seed}: {cell.reason}" for cell in cells if cell.state == "blocked")
        if 0 < len(pair.seeds) < num_planned:
            notes.append(f"{len(pair.seeds)} of {num_planned} planned seeds")
        if pair.identical_seeds and ruling.verdict is not Verdict.NO_EFFECT:
            seeds = f"{len(pair.identical_seeds)} of {len(pair.seeds)} seeds"
            notes.append(f"in {seeds} both arms trained bit for bit alike: the factor changed nothing there")
        notes.extend(
            f"hidden: {describe_undeclared(change)}; its effect is part of this one"
            for change in self.study.plan.arm(comparison.treatment).undeclared
            if comparison.factor in change.factors
        )
        if evidence is not None and evidence.gain.num_seeds == 2:
            notes.append("2 seeds: noise pooled over all arms, which assumes that they scatter alike")
        clear = ruling.verdict.helps or ruling.verdict.hurts or ruling.verdict is Verdict.SUGGESTIVE
        if evidence is not None and clear and abs(evidence.gain.effect) < evidence.smallest_detectable:
            found = self.scale.value(evidence.smallest_detectable)
            notes.append(
                f"smaller than the {found}{self.scale.suffix} this study reliably detects: an estimate that stands "
                "out from such noise is probably too large"
            )
        return tuple(notes)


def _as_expected(expected: Expectation | None, ruling: Ruling, chosen: Estimate | None, scale: Scale) -> bool | None:
    if expected is None:
        return None
    if ruling.verdict is Verdict.NO_EFFECT:
        # Not even luck differed, so a placebo that shows nothing has tested nothing.
        return None if expected == "no evidence" else False
    if chosen is None or not chosen.has_spread:
        # A control that could not be judged has neither passed nor failed; one that only diverged did hurt.
        return True if expected == "hurts" and ruling.verdict is Verdict.UNSTABLE else None
    found = chosen.p < ALPHA and ruling.verdict is not Verdict.NO_MEANINGFUL_DIFFERENCE
    if expected == "no evidence":
        return not found
    return found and scale.gain(chosen.effect) < 0


def _method_result(estimate: Estimate) -> MethodResult:
    spread = estimate.has_spread
    return MethodResult(
        method=estimate.method,
        estimate=estimate.effect,
        ci95=_range(estimate.interval()) if spread else None,
        p=estimate.p if spread else None,
        df=estimate.df,
        n=estimate.num_seeds,
    )


def _correlation(pair: Pair) -> float | None:
    if len(pair.seeds) < 3 or np.std(pair.treatment) == 0 or np.std(pair.reference) == 0:
        return None
    return float(np.corrcoef(pair.treatment, pair.reference)[0, 1])


def _range(interval: Interval) -> Range:
    return Range(low=interval.low, high=interval.high)
