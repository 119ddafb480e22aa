"""A precision target through the whole analysis: effects of all seeds, spread and degrees of freedom of the first."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.more_seeds import Looks, Precision
from reports.analysis.study import analyse
from reports.analysis.two_stages import first_stage
from reports.records.load import StudyData
from reports.stats.estimate import Method
from tests.reports.factorial import MAIN, SCORES, factorial_study
from tests.reports.test_effects import study_of

A, B = (94.10, 93.82, 94.31, 93.95, 94.22), (93.61, 93.70, 93.74, 93.58, 93.69)  # differences: sd .240069 of three


def grown(study: StudyData, num_first: int) -> StudyData:
    """As if the seeds after these had been added for a wanted precision."""
    rule = Precision(half_width=0.2, max_seeds=100)
    plan = study.plan.model_copy(update={"more_seeds": rule, "first_seeds": study.plan.seeds[:num_first]})
    return replace(study, plan=plan)


def two_arms(num_others: int = 0) -> StudyData:
    """One comparison, and others that lend their spread."""
    rng = np.random.default_rng(2)
    others = {f"x{i}": list(np.array(B) / 100 + rng.normal(0, 0.003, len(B))) for i in range(num_others)}
    return study_of({"bare": [b / 100 for b in B], "a": [a / 100 for a in A], **others})


def test_a_paired_interval_keeps_the_spread_of_the_first_three_seeds() -> None:
    effect = analyse(grown(two_arms(), 3)).effects[0]
    sd = float(np.std(np.subtract(A, B)[:3], ddof=1))
    assert sd == pytest.approx(0.240069, abs=1e-6), "reference case R19"
    half = stats.t.ppf(0.975, 2) * sd / np.sqrt(5)
    assert (effect.method, effect.n, effect.df) == (Method.PAIRED, 5, 2)
    assert (effect.estimate, effect.sd) == pytest.approx((0.416, sd))
    assert effect.ci95 is not None and (effect.ci95.low, effect.ci95.high) == pytest.approx(
        (0.416 - half, 0.416 + half)
    )
    assert effect.p == pytest.approx(2 * stats.t.sf(0.416 / (sd / np.sqrt(5)), 2))


def test_the_method_is_that_of_the_first_stage_with_its_shared_variance() -> None:
    """Five seeds of three would still be moderated; nine would be paired if they counted."""
    study = two_arms(num_others=4)
    one, both = analyse(replace(study, plan=study.plan.model_copy(update={"seeds": (0, 1, 2)}))), grown(study, 3)
    for alone, effect in zip(one.effects, analyse(both).effects, strict=True):
        assert effect.method is alone.method is Method.MODERATED
        assert (effect.df, effect.sd) == pytest.approx((alone.df, alone.sd)) and effect.df == 4
        assert effect.estimate == pytest.approx(np.mean([*effect.differences.values()])) and effect.n == 5


def test_averages_over_arms_keep_the_pooled_noise_of_the_first_stage() -> None:
    rng = np.random.default_rng(4)
    scores = {name: (*row, *(row + rng.normal(0, 3, 2))) for name, row in SCORES.items()}
    effects = {e.factor: e for e in analyse(grown(factorial_study(MAIN, scores), 2)).effects}
    columns = np.array([scores[arm] for arm in MAIN[0].weights]).mean(axis=1)
    assert effects["a"].estimate == pytest.approx(np.dot([*MAIN[0].weights.values()], columns))
    assert (effects["a"].df, effects["a"].n) == (7, 4)
    # Of two seeds the standard error is .075593 (reference case R5); the mean of four has half the variance.
    assert effects["a"].ci95 is not None and effects["a"].estimate is not None
    half = stats.t.ppf(0.975, 7) * 0.0755929 / np.sqrt(2)
    assert effects["a"].ci95.high - effects["a"].estimate == pytest.approx(half, rel=1e-5)


def test_other_studies_have_one_stage() -> None:
    study = two_arms()
    assert first_stage(study) is None
    looks = study.plan.model_copy(update={"more_seeds": Looks(at=(3, 5)), "first_seeds": (0, 1, 2)})
    assert first_stage(replace(study, plan=looks)) is None
    early = first_stage(grown(study, 3))
    assert early is not None and early.plan.seeds == (0, 1, 2)
    assert first_stage(grown(study, 5)) is None, "nothing has been added yet"


def test_a_comparison_without_a_first_stage_is_not_judged_by_the_second() -> None:
    study = grown(two_arms(), 3)
    records = {run: record for run, record in study.records.items() if run not in {("a", 0), ("a", 1)}}
    effect = analyse(replace(study, records=records)).effects[0]
    assert effect.ci95 is None and effect.p is None
    assert effect.sentence.startswith("not assessed (the seeds of the first stage, which measure the spread")


def test_other_metrics_keep_the_spread_of_the_first_seeds_too() -> None:
    study = two_arms()
    losses = {("bare", s): 0.50 + 0.01 * s for s in range(5)} | {("a", s): 0.45 + 0.013 * s**1.5 for s in range(5)}
    records = {
        key: record.model_copy(update={"metrics": record.metrics | {"val/nll": losses[key]}})
        for key, record in study.records.items()
    }
    (found,) = analyse(grown(replace(study, records=records), 3)).effects[0].secondary
    differences = np.array([losses["a", s] - losses["bare", s] for s in range(5)])
    half = stats.t.ppf(0.975, 2) * np.std(differences[:3], ddof=1) / np.sqrt(5)
    assert found.metric == "nll" and found.estimate == pytest.approx(differences.mean())
    assert (found.ci95.low, found.ci95.high) == pytest.approx((differences.mean() - half, differences.mean() + half))
