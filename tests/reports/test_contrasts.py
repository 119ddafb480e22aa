"""Weighted sums of arms on their way through the whole analysis: reference cases, missing runs, properties."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.spec.study import Comparison, Context
from reports.analysis.completeness import assess_completeness
from reports.analysis.effects import judge
from reports.analysis.study import analyse
from reports.page.html import render
from reports.results.study import Analysis, Effect
from reports.stats.estimate import Method
from reports.stats.multiplicity import benjamini_hochberg, holm
from reports.stats.verdict import Verdict
from tests.reports.factorial import (
    CELLS,
    FACTORS,
    INTERACTIONS,
    MAIN,
    SCORES,
    SHARES,
    SIGNS,
    at_level,
    averaged,
    factorial_study,
    name_of,
    share,
)
from tests.reports.test_effects import study_of

Scores = Mapping[str, Sequence[float | None]]


def found(analysis: Analysis, factor: str, context: Context = "averaged over the others") -> Effect:
    effect = analysis.effect(factor, context)
    assert effect is not None
    return effect


def statsmodels_effects(scores: Mapping[str, Sequence[float]]):
    """2 * coefficient, its standard error, df and p in +-1 coding with seed blocks: the saturated model of cells."""
    rows = [
        dict(zip(FACTORS, signs, strict=True)) | {"y": value, "seed": seed}
        for on, signs in zip(CELLS, SIGNS, strict=True)
        for seed, value in enumerate(scores[name_of(on)])
        if not np.isnan(value)
    ]
    return smf.ols("y ~ a*b*c + C(seed, Sum)", pd.DataFrame(rows)).fit()


def test_main_effects_and_interactions_of_the_reference_case() -> None:
    """R5: 2^3, 2 seeds; effects are twice the coefficients in +-1 coding."""
    analysis = analyse(factorial_study())
    expected = {"a": 0.575, "b": 0.725, "c": 0.95, "a x b": -0.45, "a x c": -0.025, "b x c": 0.025}
    for effect in analysis.effects:
        assert effect.estimate == pytest.approx(expected[effect.factor], abs=1e-6)
        assert effect.method is Method.POOLED
        assert effect.df == 7
        assert (effect.sd or 0) / np.sqrt(2) == pytest.approx(0.075593, abs=1e-6)  # sd of a seed's value: se * sqrt(n)
    ci = found(analysis, "a").ci95
    assert ci is not None and (ci.low, ci.high) == pytest.approx((0.396251, 0.753749), abs=1e-6)
    both = found(analysis, "a x b", "interaction")
    assert both.ci95 is not None
    assert (both.ci95.low, both.ci95.high) == pytest.approx((-0.628749, -0.271251), abs=1e-6)
    assert both.p == pytest.approx(0.000568, abs=1e-6)
    assert judge_family(factorial_study()).cells.fit.mse == pytest.approx(0.022857, abs=1e-6)


def judge_family(study):
    return judge(study, assess_completeness(study)).family


def test_shapley_shares_of_the_reference_case() -> None:
    """R6c: per-seed shares, their mean, the sum that equals the whole gain, and the t interval beside the headline."""
    analysis = analyse(factorial_study(SHARES))
    by_seed = {
        factor: [found(analysis, factor, "share of the gain").differences[s] for s in (0, 1)] for factor in FACTORS
    }
    assert [by_seed[f][0] for f in FACTORS] == pytest.approx([0.583333, 0.733333, 1.083333], abs=1e-6)
    assert [by_seed[f][1] for f in FACTORS] == pytest.approx([0.566667, 0.716667, 0.816667], abs=1e-6)
    estimates = [found(analysis, f, "share of the gain").estimate or 0 for f in FACTORS]
    assert estimates == pytest.approx([0.575, 0.725, 0.95], abs=1e-6)
    assert sum(estimates) == pytest.approx(np.mean(SCORES["full"]) - np.mean(SCORES["bare"]), abs=1e-9)
    a = found(analysis, "a", "share of the gain")
    assert a.method is Method.POOLED
    paired = next(other for other in a.others if other.method is Method.PAIRED)
    assert paired.ci95 is not None
    assert (paired.ci95.low, paired.ci95.high) == pytest.approx((0.469115, 0.680885), abs=1e-6)


def test_two_arms_written_as_weights_are_the_difference_that_they_are() -> None:
    """R18 through the whole path, by the pooled model beside the headline."""
    rows = {
        "bare": [0.9361, 0.9370, 0.9374], "x": [0.9410, 0.9382, 0.9431], "y": [0.9350, 0.9366, 0.9371],
        "z": [0.9395, 0.9388, 0.9402],
    }  # fmt: skip
    plain = study_of(rows)
    weighted = study_of(rows)
    swapped = tuple(
        Comparison(factor=c.factor, context=c.context, weights=c.contrast) for c in weighted.plan.comparisons
    )
    object.__setattr__(weighted, "plan", weighted.plan.model_copy(update={"comparisons": swapped}))
    for one, other in zip(analyse(plain).effects, analyse(weighted).effects, strict=True):
        assert (one.estimate, one.ci95, one.p_holm, one.method) == (
            other.estimate,
            other.ci95,
            other.p_holm,
            other.method,
        )
    pooled = next(o for o in analyse(weighted).effects[0].others if o.method is Method.POOLED)
    assert pooled.estimate == pytest.approx(0.393333, abs=1e-6) and pooled.df == 6
    assert pooled.ci95 is not None
    assert (pooled.ci95.low, pooled.ci95.high) == pytest.approx((0.152019, 0.634648), abs=1e-6)


def test_weighted_sums_are_judged_by_the_two_way_model_however_many_seeds() -> None:
    rng = np.random.default_rng(4)
    scores = {name_of(on): list(rng.normal(90, 0.3, 7)) for on in CELLS}
    analysis = analyse(factorial_study(scores=scores))
    assert analysis.headline is Method.MODERATED_TWO_WAY
    assert {effect.method for effect in analysis.effects} == {Method.MODERATED_TWO_WAY}
    assert {effect.df for effect in analysis.effects} == {12 + 6}  # at most 12 of the others', and their own
    assert all({other.method for other in effect.others} == set(Method) for effect in analysis.effects)
    theirs = statsmodels_effects(scores)
    pooled = next(other for other in found(analysis, "b").others if other.method is Method.POOLED)
    assert pooled.df == theirs.df_resid == 42
    assert pooled.p == pytest.approx(theirs.pvalues["b"])


def test_missing_runs_cost_only_themselves_and_agree_with_least_squares() -> None:
    rng = np.random.default_rng(8)
    scores = {name_of(on): rng.normal(90, 0.3, 3) for on in CELLS}
    scores["+a"][0] = scores["+b+c"][1] = scores["full"][2] = np.nan  # no seed is complete
    analysis = analyse(factorial_study(scores={name: list(row) for name, row in scores.items()}))
    theirs = statsmodels_effects({name: list(row) for name, row in scores.items()})
    for effect in analysis.effects:
        term = effect.factor.replace(" x ", ":")
        assert effect.estimate == pytest.approx(2 * theirs.params[term])
        assert effect.p == pytest.approx(theirs.pvalues[term])
        assert effect.ci95 is not None
        limits = 2 * theirs.conf_int().loc[term]
        assert (effect.ci95.low, effect.ci95.high) == pytest.approx(tuple(limits))
        assert effect.df == theirs.df_resid
        assert (effect.n, effect.differences) == (0, {})
        assert (
            "0 of 3 planned seeds finished in all 8 arms; the pooled model uses every run that finished" in effect.notes
        )


def test_an_arm_that_never_ran_leaves_the_sum_unassessed_and_says_which() -> None:
    nan = float("nan")
    analysis = analyse(factorial_study(scores=SCORES | {"+a+b": (nan, nan)}))
    assert {effect.sentence for effect in analysis.effects} == {"not assessed (arm +a+b has no finished run)"}
    assert {effect.verdict for effect in analysis.effects} == {Verdict.NOT_ASSESSED}
    none_ran = analyse(factorial_study(scores={name: (nan, nan) for name in SCORES}))
    assert {effect.sentence for effect in none_ran.effects} == {"not assessed (8 of 8 arms have no finished run)"}


def test_too_few_complete_seeds_in_a_sum_are_counted() -> None:
    nan = float("nan")
    scores = {name: (row[0], nan) for name, row in SCORES.items()}
    assert {effect.sentence for effect in analyse(factorial_study(scores=scores)).effects} == {
        "not assessed (1 of 2 seeds finished in all 8 arms, too few to tell the effect from luck)"
    }


def test_one_seed_gives_no_verdict_and_its_value_is_shown() -> None:
    analysis = analyse(factorial_study(scores={name: row[:1] for name, row in SCORES.items()}))
    assert {effect.sentence for effect in analysis.effects} == {"not assessed (one seed: no verdict)"}
    assert found(analysis, "a").estimate == pytest.approx(0.25 * (91 + 92.1 + 91.2 + 92.4 - 90 - 90.9 - 91.1 - 92.3))


def test_failures_where_the_factor_is_on_make_it_unstable() -> None:
    scores: Scores = SCORES | {"+a+c": (92.1, None)}
    analysis = analyse(factorial_study(scores=scores))
    assert found(analysis, "a").sentence == "unstable (1/8 failed)"
    assert found(analysis, "c").sentence == "unstable (1/8 failed)"
    b = found(analysis, "b")  # it failed where b is off
    assert b.verdict is not Verdict.UNSTABLE
    assert not any("+a+c" in note for note in b.notes), "every average has this arm in it, so it is said once"
    warning = next(text for text in analysis.warnings if text.startswith("+a+c: 1 of 2 runs failed (95% CI "))
    assert warning.endswith("). Averages, shares and interactions over arms are conditional on success")


def test_a_factor_that_changes_no_bit_anywhere_has_no_effect_and_no_interaction() -> None:
    scores = {name: SCORES[name.replace("+a", "") or "bare"] for name in SCORES} | {"full": SCORES["+b+c"]}
    analysis = analyse(factorial_study(scores=scores))
    gone = (found(analysis, "a"), found(analysis, "a x b", "interaction"), found(analysis, "a x c", "interaction"))
    for effect in gone:
        assert effect.verdict is Verdict.NO_EFFECT
        assert "the arms with and without it trained bit for bit alike in 2 of 2 seeds" in effect.sentence
        assert effect.differences == {} and effect.estimate is None
    assert found(analysis, "b").method is Method.POOLED
    assert found(analysis, "b").df == 3  # four cells that differ, two seeds: copies say nothing about luck


def test_a_factor_that_never_varies_has_no_effect_before_anything_ran() -> None:
    stages = {"+a": "bare", "+a+b": "+b", "+a+c": "+c", "full": "+b+c"}
    study = factorial_study(stages=stages, scores={name: (float("nan"),) * 2 for name in SCORES})
    effect = found(analyse(study), "a")
    assert effect.verdict is Verdict.NO_EFFECT
    assert "the arms with and without it have the same specification and share their runs" in effect.sentence


def test_seeds_that_change_nothing_are_named() -> None:
    scores = {name: (row[0], row[0]) for name, row in SCORES.items()}
    assert {e.sentence for e in analyse(factorial_study(scores=scores)).effects} == {
        "identical runs: check that seeds are applied"
    }


def test_holm_counts_the_declared_family_and_the_rest_is_adjusted_among_itself() -> None:
    analysis = analyse(factorial_study())
    declared, explored = analysis.declared, analysis.explored
    assert [e.factor for e in declared] == list(FACTORS) and len(explored) == 3
    assert analysis.num_comparisons == 3
    assert [e.p_holm for e in declared] == pytest.approx(holm(np.array([e.p for e in declared])))
    assert [e.q for e in explored] == pytest.approx(benjamini_hochberg(np.array([e.p for e in explored])))
    assert all(e.q is None for e in declared) and all(e.p_holm is None for e in explored)
    assert all(e.secondary == () for e in explored)


def test_each_kind_of_exploratory_effect_is_adjusted_among_itself() -> None:
    """Shares that are as good as certain must not lower the bar for interactions."""
    leads = tuple(c.model_copy(update={"exploratory": True}) for c in SHARES)
    effects = analyse(factorial_study((*MAIN, *INTERACTIONS, *leads))).explored
    for context in ("interaction", "share of the gain"):
        kind = [e for e in effects if e.context == context]
        assert [e.q for e in kind] == pytest.approx(benjamini_hochberg(np.array([e.p for e in kind])))


def test_an_exploratory_effect_never_helps() -> None:
    analysis = analyse(factorial_study())
    both = found(analysis, "a x b", "interaction")
    assert both.verdict is Verdict.EXPLORATORY
    assert both.sentence == (
        "exploratory: together they give less than the sum of both: -0.45 pt [-0.63, -0.27]; confirm it with new seeds"
    )
    assert all(e.sentence.startswith("exploratory: ") for e in analysis.explored)
    assert not any(e.verdict.helps or e.verdict.hurts for e in analysis.explored)
    assert "a x b" not in analysis.answers
    assert "exploratory, BH q=.002 over 3" in both.detail


def test_a_confounded_effect_keeps_its_numbers_and_gets_no_verdict_on_them() -> None:
    mixed = MAIN[2].model_copy(update={"confounded": ("a x b",), "note": "of a half fraction"})
    effect = found(analyse(factorial_study((*MAIN[:2], mixed))), "c")
    assert (effect.verdict, effect.sentence) == (Verdict.CONFOUNDED, "confounded with a x b")
    assert effect.estimate == pytest.approx(0.95) and effect.ci95 is not None and effect.p_holm is not None
    assert effect.confounded == ("a x b",) and effect.notes[0] == "of a half fraction"


def test_looks_that_were_declared_raise_the_level_and_lower_alpha() -> None:
    study = factorial_study()
    effect = found(analyse(at_level(study, 0.019)), "a")
    theirs = statsmodels_effects(SCORES).conf_int(0.019).loc["a"]
    assert effect.level == pytest.approx(0.981)
    assert effect.ci95 is not None
    assert (effect.ci95.low, effect.ci95.high) == pytest.approx(tuple(2 * theirs))
    assert "(98.1% CI " in effect.detail
    rows = {"bare": [0.90, 0.904, 0.902], "x": [0.915, 0.9185, 0.9165]}
    p = analyse(study_of(rows)).effects[0].p or 1
    assert analyse(at_level(study_of(rows), p * 1.01)).effects[0].verdict.helps
    assert not analyse(at_level(study_of(rows), p * 0.99)).effects[0].verdict.helps


def test_the_moderated_interval_scales_its_prior_with_the_weights() -> None:
    """Interactions of one-at-a-time designs have four arms: their variance is twice that of a difference."""
    rng = np.random.default_rng(3)
    scores = {name_of(on): list(rng.normal(90, 0.4, 4)) for on in CELLS}
    weights = {"+a+b": 1.0, "+a": -1.0, "+b": -1.0, "bare": 1.0}
    singles = tuple(Comparison(factor=f, context="added to bare", treatment=f"+{f}", reference="bare") for f in FACTORS)
    rest = Comparison(factor="a x b", context="interaction", weights=weights, exploratory=True)
    effect = found(analyse(factorial_study((*singles, rest), scores)), "a x b", "interaction")
    moderated = next(other for other in effect.others if other.method is Method.MODERATED)
    prior = np.mean([np.var(np.subtract(scores[f"+{f}"], scores["bare"]), ddof=1) for f in FACTORS])
    values = sum(weight * np.array(scores[arm]) for arm, weight in weights.items())
    variance = (2 * 2 * prior + 3 * np.var(values, ddof=1)) / 5
    low, high = stats.t.interval(0.95, 5, loc=np.mean(values), scale=np.sqrt(variance / 4))
    assert moderated.ci95 is not None
    assert (moderated.ci95.low, moderated.ci95.high) == pytest.approx((low, high))


tables = st.lists(st.floats(80, 95), min_size=24, max_size=24, unique=True).map(
    lambda values: {name_of(on): values[3 * i : 3 * i + 3] for i, on in enumerate(CELLS)}
)


@settings(max_examples=25, deadline=None)
@given(tables)
def test_turning_the_weights_turns_the_effect(scores: Scores) -> None:
    turned = tuple(c.model_copy(update={"weights": {arm: -weight for arm, weight in c.weights.items()}}) for c in MAIN)
    there, back = (analyse(factorial_study(c, scores)).effects for c in (MAIN, turned))
    for one, other in zip(there, back, strict=True):
        assert one.estimate == pytest.approx(-(other.estimate or 0), abs=1e-9)
        assert one.p == pytest.approx(other.p)
        assert one.verdict.helps == other.verdict.hurts


@settings(max_examples=25, deadline=None)
@given(tables, st.permutations(range(3)))
def test_the_order_of_the_seeds_does_not_matter(scores: Scores, order: list[int]) -> None:
    shuffled = {name: [row[i] for i in order] for name, row in scores.items()}
    every = MAIN + INTERACTIONS + SHARES
    for one, other in zip(
        analyse(factorial_study(every, scores)).effects, analyse(factorial_study(every, shuffled)).effects, strict=True
    ):
        assert one.estimate == pytest.approx(other.estimate, abs=1e-9)
        assert one.p == pytest.approx(other.p, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(tables)
def test_shares_add_up_to_the_whole_gain(scores: Scores) -> None:
    total = np.mean(scores["full"]) - np.mean(scores["bare"])  # type: ignore[arg-type]
    effects = analyse(factorial_study(SHARES, scores)).effects
    assert sum(effect.estimate or 0 for effect in effects) == pytest.approx(total, abs=1e-9)


def test_the_weights_of_these_tests_are_the_published_definitions() -> None:
    assert averaged("a")["full"] == 0.25 and averaged("a", "b")["bare"] == 0.25
    assert share("a") == pytest.approx(
        {
            "bare": -1 / 3,
            "+a": 1 / 3,
            "+b": -1 / 6,
            "+a+b": 1 / 6,
            "+c": -1 / 6,
            "+a+c": 1 / 6,
            "+b+c": -1 / 3,
            "full": 1 / 3,
        }
    )


def test_the_page_has_a_figure_for_what_was_declared_and_another_for_what_is_exploratory() -> None:
    page = render(factorial_study())
    section = page.split('<section id="effects">')[1].split("</section>")[0]
    declared, explored = section.split("<h3>Exploratory: outside the declared family</h3>")
    assert "95% confidence interval by pooled two-way;" in declared
    assert "averaged over the other factors (on minus off)" in declared
    assert 'aria-label="a, averaged over the others: ' in declared and "a x b" not in declared
    assert "1 of 3 comparisons stand out (BH at q = 0.1)" in explored
    assert 'aria-label="a x b, interaction: -0.45 pt [-0.63, -0.27]; exploratory' in explored
    answers = page.split('<div id="answers">')[1].split("</section>")[0]
    assert "a x b" not in answers and "averaged over the other factors" in answers
    assert "Within the full recipe" not in page, "nothing was removed from full here"


def test_the_recipe_of_a_factorial_is_what_helps_on_average() -> None:
    analysis = analyse(factorial_study())
    assert analysis.recipe_to_keep.factors == FACTORS
    assert analysis.recipe_to_keep.arm == "full"
    assert analysis.recipe_to_keep.rule.startswith("Bare, plus every factor that helps on average")


def test_the_quotable_sentence_of_an_average_carries_everything() -> None:
    detail = found(analyse(factorial_study()), "a").detail
    assert detail == (
        "Switching a on, averaged over the other factors, changed top-1 accuracy by +0.57 pt (95% CI 0.40 to 0.75; "
        "2 seeds; pooled two-way, df 7; Holm p<.001 over 3), for this split."
    )


def test_a_design_without_comparisons_has_no_effects_and_no_error() -> None:
    analysis = analyse(factorial_study(()))
    assert (analysis.effects, analysis.num_comparisons, analysis.answers) == ((), 0, {})
    assert analysis.recipe_to_keep.factors == ()
    assert "Every arm" in render(factorial_study(()))
