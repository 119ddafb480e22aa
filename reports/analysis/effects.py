"""Every planned comparison, judged.

Controls are judged beside the factors and not among them. They are no candidates for the recipe, they check the
instrument: the placebo must show no evidence, and mislabelled training images must hurt. Counting them in Holm's
correction would make every factor pay for questions whose answers are known. Exploratory comparisons, such as
interactions, are outside the declared family too: they are adjusted among themselves and never advise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.spec.study import Comparison, Context
from reports.analysis.contrast import StageWeights, is_difference, stage_weights
from reports.analysis.cost import averaged_step_ratio, step_ratio
from reports.analysis.estimates import Contrast, Family, estimate_all, make_contrast, make_family
from reports.analysis.rulings import Bench
from reports.analysis.two_stages import first_stage, with_first_spread
from reports.records.load import StudyData
from reports.results.study import Completeness, CostRatio, Effect, Expectation, MethodResult, Range
from reports.scale import Scale, scale_of_metric
from reports.stats.estimate import Estimate, Interval, Method
from reports.stats.headline import degrees_of_freedom, headline_method
from reports.stats.multiplicity import benjamini_hochberg, holm
from reports.stats.power import ALPHA
from reports.stats.verdict import Evidence, Ruling, Verdict
from reports.wording import describe_setting, quote, stack_order


@dataclass(frozen=True, slots=True)
class Judged:
    """All effects of a study, with what they were judged by. `effects` follow the plan, exploratory ones included."""

    effects: tuple[Effect, ...]
    controls: tuple[Effect, ...]
    headline: Method | None
    family: Family


@dataclass(frozen=True, slots=True)
class _Measured:
    """A contrast with every method's estimate and the one that decides."""

    contrast: Contrast
    every: dict[Method, Estimate]
    chosen: Estimate | None
    alone: bool = False  # judged by its own spread

    @property
    def p(self) -> float:
        """1 where it came to nothing: such a comparison still counts among those that were planned."""
        return self.chosen.p if self.chosen is not None and self.chosen.has_spread else 1.0


def judge(study: StudyData, completeness: Completeness, alpha: float = ALPHA) -> Judged:
    """Judge every planned comparison on the metric that decides.

    Args:
        study: plan and records.
        completeness: what became of its runs.
        alpha: two-sided level of a verdict; below .05 where the plan declared several looks at the results.
    """
    scale = scale_of_metric(study.plan.metric)
    family = make_family(study, scale)
    earlier = first_stage(study)
    first = None if earlier is None else _FirstStage(earlier, make_family(earlier, scale))
    court = _Court(study, Bench(study.plan, completeness, scale), scale, family, alpha, first)
    declared = {key: court.measure(contrast) for key, contrast in family.contrasts.items()}
    others = {
        key: declared.get(key) or court.measure(make_contrast(study, key, scale), _alone(study, comparison))
        for comparison in study.plan.comparisons
        if comparison.exploratory or comparison.control
        for key in [stage_weights(study.plan, comparison)]
    }
    p_holm = _adjusted(holm, {key: declared[key].p for key in family.keys})
    # Effects of one kind are adjusted among themselves: clear shares must not carry doubtful interactions with them.
    kinds: dict[Context, dict[StageWeights, float]] = {}
    for comparison in study.plan.comparisons:
        if comparison.exploratory and not comparison.control:
            key = stage_weights(study.plan, comparison)
            kinds.setdefault(comparison.context, {})[key] = others[key].p
    q = {kind: _adjusted(benjamini_hochberg, p_values) for kind, p_values in kinds.items()}
    effects: list[Effect] = []
    controls: list[Effect] = []
    for comparison in study.plan.comparisons:
        key = stage_weights(study.plan, comparison)
        if comparison.control:
            controls.append(court.effect(comparison, others[key], others[key].p, 1))
        elif comparison.exploratory:
            kind = q[comparison.context]
            effects.append(court.effect(comparison, others[key], kind[key], len(kind)))
        else:
            effects.append(court.effect(comparison, declared[key], p_holm[key], len(p_holm)))
    return Judged(tuple(effects), tuple(controls), court.headline(), family)


def expectation(study: StudyData, comparison: Comparison) -> Expectation | None:
    """What a control must show: nothing for the placebo, harm for label noise; None for any other."""
    kinds = {comparison.factor}
    if comparison.treatment:
        strategies = study.plan.arm(comparison.treatment).final.spec.get("strategies") or []
        kinds |= {str(s.get("kind")) for s in strategies if isinstance(s, dict)}
    if "placebo" in kinds:
        return "no evidence"
    return "hurts" if "label_noise" in kinds else None


@dataclass(frozen=True, slots=True)
class _FirstStage:
    """The seeds that chose how many there are, and what their comparisons share."""

    study: StudyData
    family: Family


@dataclass(frozen=True, slots=True)
class _Court:
    study: StudyData
    bench: Bench
    scale: Scale
    family: Family
    alpha: float
    first: _FirstStage | None

    def headline(self) -> Method | None:
        """The method of most of the family: of differences of two arms where there are any."""
        weighted = bool(self.family.keys) and not any(is_difference(key) for key in self.family.keys)
        return self._method(weighted)

    def _method(self, weighted: bool, num_seeds: int | None = None) -> Method | None:
        """Of the planned seeds of the first stage, or of so many."""
        planned = len(self.study.plan.stage_one_seeds) if num_seeds is None else num_seeds
        num_cells = max(2, self.family.cells.num_cells)
        return headline_method(planned, len(self.family.keys), num_cells, weighted=weighted)

    def measure(self, contrast: Contrast, alone: bool = False) -> _Measured:
        """Estimate by every method. Nothing is estimated from runs that say nothing about luck.

        Args:
            contrast: what to estimate.
            alone: judge it by its own spread, where it has one.
        """
        if contrast.identical or contrast.seeds_do_nothing:
            return _Measured(contrast, {}, None)
        every = estimate_all(self.study, self.family, contrast, self.scale)
        num_seeds = len(contrast.seeds)
        if self.first is not None:
            early = make_contrast(self.first.study, contrast.key, self.scale)
            every = with_first_spread(every, estimate_all(self.first.study, self.first.family, early, self.scale))
            num_seeds = len(early.seeds)
        weighted = not is_difference(contrast.key)
        method = self._method(weighted)
        if method is None or (num_seeds < 2 and not weighted):
            return _Measured(contrast, every if contrast.informative else {}, None)
        if alone and num_seeds > 2:
            method = Method.PAIRED
        if num_seeds == 2 and not weighted:  # left of more planned ones: only all arms together can judge them
            method = Method.POOLED
        if weighted and method not in every:  # runs are missing, and what is left moderates nothing
            method = Method.POOLED
        chosen = every.get(method)
        return _Measured(contrast, every, chosen if chosen is not None and chosen.num_seeds >= 2 else None, alone)

    def effect(self, comparison: Comparison, measured: _Measured, p_adjusted: float, num_comparisons: int) -> Effect:
        """One row of the analysis."""
        contrast, chosen = measured.contrast, measured.chosen
        evidence = self._evidence(measured, p_adjusted, num_comparisons)
        ruling = self.bench.rule(comparison, contrast, evidence)
        values = () if contrast.identical else zip(contrast.seeds, contrast.values, strict=True)
        differences = {seed: float(value) for seed, value in values}
        expected = expectation(self.study, comparison) if comparison.control else None
        effect = Effect(
            factor=comparison.factor,
            context=comparison.context,
            treatment=comparison.treatment,
            reference=comparison.reference,
            weights=comparison.weights,
            control=comparison.control,
            exploratory=comparison.exploratory,
            confounded=comparison.confounded,
            mixed_in=comparison.mixed_in,
            level=1 - self.alpha,
            expected=expected,
            as_expected=_as_expected(expected, ruling, chosen, self.scale, self.alpha),
            verdict=ruling.verdict,
            sentence=ruling.sentence,
            n=len(contrast.seeds),
            num_seeds_planned=len(self.study.plan.seeds),
            correlation=None if contrast.identical else _correlation(contrast),
            differences=differences,
            identical_seeds=contrast.identical_seeds,
            others=tuple(_method_result(estimate) for estimate in measured.every.values()),
            notes=self.bench.notes(comparison, contrast, evidence, ruling),
            step_ratio=_step_ratio(self.study, comparison, contrast.key),
        )
        if evidence is None or chosen is None:
            return effect.model_copy(
                update={"estimate": float(np.mean([*differences.values()])) if differences else None}
            )
        update = {
            "estimate": chosen.effect,
            "ci95": _range(chosen.interval(1 - self.alpha)),
            "ci90": _range(chosen.interval(0.90)),
            "p": chosen.p,
            "q" if comparison.exploratory and not comparison.control else "p_holm": p_adjusted,
            "method": chosen.method,
            "df": chosen.df,
            "mde": evidence.smallest_detectable,
            "sd": chosen.sd,
        }
        effect = effect.model_copy(update=update)
        order = stack_order(self.study.plan, comparison)
        detail = quote(effect, describe_setting(self.study.plan), self.scale, num_comparisons, order)
        return effect.model_copy(update={"detail": detail})

    def _evidence(self, measured: _Measured, p_adjusted: float, num_comparisons: int) -> Evidence | None:
        chosen = measured.chosen
        if chosen is None or not chosen.has_spread:
            return None
        gain = Estimate(
            chosen.method, self.scale.gain(chosen.effect), chosen.standard_error, chosen.df, chosen.num_seeds
        )
        weighted = not is_difference(measured.contrast.key)
        df_at = self._df_at(weighted, measured.alone) if self.first is None else lambda _, df=chosen.df: df
        return Evidence(gain, p_adjusted, num_comparisons, self.study.plan.metric.delta, df_at, self.alpha)

    def _df_at(self, weighted: bool, alone: bool) -> Callable[[int], float]:
        num_cells = max(2, self.family.cells.num_cells)

        def df_at(num_seeds: int) -> float:
            method = self._method(weighted, num_seeds) or Method.POOLED
            if alone and num_seeds > 2:
                method = Method.PAIRED
            return degrees_of_freedom(method, num_seeds, num_cells)

        return df_at


def _alone(study: StudyData, comparison: Comparison) -> bool:
    """Whether a control must show nothing, and is therefore judged by its own spread.

    Its alarm makes all other verdicts doubtful, so it must be as rare as it says whatever the arms scatter like. With
    the variance of others it comes in 7% of the studies in which the placebo scatters twice as much as bare.
    """
    return comparison.control and expectation(study, comparison) == "no evidence"


def _adjusted(
    correction: Callable[[np.ndarray], np.ndarray], p_values: dict[StageWeights, float]
) -> dict[StageWeights, float]:
    adjusted: Iterable[float] = correction(np.array([*p_values.values()])) if p_values else ()
    return {key: float(p) for key, p in zip(p_values, adjusted, strict=True)}


def _step_ratio(study: StudyData, comparison: Comparison, key: StageWeights) -> CostRatio | None:
    if is_difference(key):
        return step_ratio(study, key[0][0], key[-1][0])
    # Of an interaction this would be a ratio of ratios, which is nobody's step time.
    return None if comparison.context.startswith("interaction") else averaged_step_ratio(study, key)


def _as_expected(
    expected: Expectation | None, ruling: Ruling, chosen: Estimate | None, scale: Scale, alpha: float
) -> bool | None:
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


def _correlation(contrast: Contrast) -> float | None:
    if len(contrast.seeds) < 3 or np.std(contrast.treatment) == 0 or np.std(contrast.reference) == 0:
        return None
    return float(np.corrcoef(contrast.treatment, contrast.reference)[0, 1])


def _range(interval: Interval) -> Range:
    return Range(low=interval.low, high=interval.high)
