"""One question about two arms with yes or no for an answer: what a gate of a CI asks."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from math import sqrt

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.completeness import assess_completeness
from reports.analysis.effects import judge
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.scale import Scale, scale_of_metric
from reports.stats.estimate import Estimate, Method
from reports.stats.noninferiority import MarginTest, above_bound
from reports.stats.verdict import Verdict
from reports.wording import describe_setting, level_text, p_text, range_text


class Wanted(StrEnum):
    """What must be shown."""

    NOT_WORSE = "not worse by more than"
    BETTER = "better by at least"


@dataclass(frozen=True, slots=True)
class Question:
    """`size` is in display units: points where the metric is a share."""

    wanted: Wanted
    size: float

    @property
    def bound(self) -> float:
        """The gain that must be exceeded."""
        return self.size if self.wanted is Wanted.BETTER else -self.size

    def one_sided(self, alpha: float) -> float:
        """The level of the test, in line with the verdicts of a study judged at the two-sided level `alpha`.

        "helps" rests on the 95% interval, "no meaningful difference" on the 90% one.
        """
        return alpha / 2 if self.wanted is Wanted.BETTER else alpha


class Answer(Frozen):
    """Yes or no, and what it rests on. `estimate` and `interval` are treatment minus baseline as measured."""

    study: str
    treatment: str
    baseline: str
    wanted: Wanted
    size: float
    yes: bool
    sentence: str
    detail: str = Field("", description="the numbers in words; empty where the arms could not be tested")
    planned: bool = Field(description="whether the plan named this comparison, in either direction")
    metric: str
    unit: str
    estimate: float | None = None
    interval: Range | None = None
    level: float | None = Field(None, description="of the interval: the one-sided test has half of the rest")
    p: float | None = Field(None, description="one-sided, of this question alone")
    method: Method | None = None
    df: float | None = None
    n: int
    num_seeds_planned: int
    notes: tuple[str, ...] = ()


def compare_arms(study: StudyData, treatment: str, baseline: str, question: Question) -> Answer:
    """Ask one question about any two arms of a study.

    The arms are judged as the report judges a control: by the method that the plan's size sets, with the noise of
    the declared comparisons where that method borrows any, and without lending them anything. The level is the
    plan's: below .05 where it declared several looks.

    Args:
        study: plan and records.
        treatment: the arm in question.
        baseline: the arm to hold it against.
        question: what must be shown.

    Raises:
        SpecError: an arm that the study does not have, or twice the same.
    """
    plan, alpha = study.plan, study.plan.alpha
    _check_arms(plan, treatment, baseline)
    # The name of the arm stands for the factor, as nothing is known about what switches it.
    asked = Comparison(factor=treatment, context="added to bare", treatment=treatment, reference=baseline, control=True)
    beside = plan.model_copy(update={"comparisons": (*plan.comparisons, asked)})
    effect = judge(replace(study, plan=beside), assess_completeness(study), alpha).controls[-1]
    planned = any({c.treatment, c.reference} == {treatment, baseline} for c in plan.comparisons)
    scale = scale_of_metric(plan.metric)
    answer = Answer(
        study=plan.study,
        treatment=treatment,
        baseline=baseline,
        wanted=question.wanted,
        size=question.size,
        yes=False,
        sentence=effect.sentence,
        planned=planned,
        metric=plan.metric.name,
        unit=scale.unit,
        estimate=effect.estimate,
        n=effect.n,
        num_seeds_planned=effect.num_seeds_planned,
        notes=effect.notes,
    )
    same = plan.arm(treatment).final.stage_hash == plan.arm(baseline).final.stage_hash
    if same or (effect.verdict is Verdict.NO_EFFECT and effect.n > 1):
        return answer.model_copy(update={"yes": question.wanted is Wanted.NOT_WORSE})
    if effect.verdict is Verdict.UNSTABLE:
        return answer
    if effect.n < 2:
        reason = "one seed" if effect.n else "no seed finished in both arms"
        return answer.model_copy(update={"sentence": f"not assessed ({reason})"})
    estimate = _gain(effect, scale)
    if estimate is None:  # the report's sentence says why
        return answer
    test = above_bound(estimate, question.bound, question.one_sided(alpha))
    low, high = sorted((scale.gain(test.interval.low), scale.gain(test.interval.high)))
    interval = Range(low=low, high=high)
    update = {
        "yes": test.shown,
        "sentence": _sentence(treatment, baseline, question, test, scale),
        "detail": _detail(effect, interval, test, planned, describe_setting(plan), scale),
        "interval": interval,
        "level": test.level,
        "p": test.p,
        "method": effect.method,
        "df": effect.df,
    }
    return answer.model_copy(update=update)


def _check_arms(plan: StudyPlan, treatment: str, baseline: str) -> None:
    names = [arm.name for arm in plan.arms]
    for name in (treatment, baseline):
        if name in names:
            continue
        if skipped := next((arm for arm in plan.skipped if arm.name == name), None):
            raise SpecError(f"arm {name!r} of study {plan.study!r} was skipped: {skipped.reason}")
        close = get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise SpecError(f"study {plan.study!r} has no arm {name!r}{hint} Its arms: {', '.join(names)}")
    if treatment == baseline:
        raise SpecError(f"arm {treatment!r} is compared with itself; name two arms of: {', '.join(names)}")


def _gain(effect: Effect, scale: Scale) -> Estimate | None:
    """The estimate that the effect was judged by, above 0 where the treatment is better; None where there is none."""
    if effect.method is None or effect.estimate is None or effect.sd is None or effect.df is None:
        return None
    return Estimate(effect.method, scale.gain(effect.estimate), effect.sd / sqrt(effect.n), effect.df, effect.n)


def _sentence(treatment: str, baseline: str, question: Question, test: MarginTest, scale: Scale) -> str:
    size = scale.size(question.size)
    if question.wanted is Wanted.NOT_WORSE:
        if test.shown:
            return f"{treatment} is not worse than {baseline} by more than {size}"
        if test.interval.high < test.bound:
            return f"{treatment} is worse than {baseline} by more than {size}"
        return f"not shown: {treatment} may be worse than {baseline} by more than {size}"
    if test.shown:
        return f"{treatment} is better than {baseline} by at least {size}"
    if test.interval.high < test.bound:
        return f"{treatment} is not better than {baseline} by {size}"
    return f"not shown: {treatment} may be better than {baseline} by less than {size}, or not at all"


def _detail(effect: Effect, interval: Range, test: MarginTest, planned: bool, setting: str, scale: Scale) -> str:
    assert effect.estimate is not None and effect.df is not None  # there is a test
    p = p_text(test.p)
    kind = "planned comparison, this question alone" if planned else "not a planned comparison"
    return (
        f"{scale.difference(effect.estimate)} in {scale.title} on this validation split ({level_text(test.level)} CI "
        f"{range_text(interval, scale)}; one-sided p{'' if p.startswith('<') else '='}{p}; {effect.n} paired seeds; "
        f"{effect.method}, df {effect.df:g}; {kind}{'; ' + setting if setting else ''})"
    )
