"""The reference cases for differences over seeds: numbers computed once by other programs, R1 to R5 and R13 to R20.

A case that shows what not to do goes through scipy's call; all others go through the functions that reports use.
"""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from reports.stats.cost import paired_ratio
from reports.stats.effect_size import hedges_correction, paired_effect_size
from reports.stats.equivalence import tost
from reports.stats.exaggeration import exaggeration
from reports.stats.improvement import paired_improvement
from reports.stats.multiplicity import benjamini_hochberg, holm
from reports.stats.noninferiority import above_bound
from reports.stats.paired import paired_effect, seed_correlation
from reports.stats.pooled import fit_two_way
from reports.stats.power import power, seeds_needed, smallest_effect
from reports.stats.proportion import wilson
from reports.stats.sign_flip import sign_flip_p, smallest_p
from reports.stats.two_stage import seeds_for

A = np.array([94.10, 93.82, 94.31, 93.95, 94.22])
B = np.array([93.61, 93.70, 93.74, 93.58, 93.69])
D = A - B
MIXED = np.array([0.30, -0.05, 0.22, 0.11, 0.18, -0.02, 0.25])
TEN = np.array([0.49, 0.12, 0.57, 0.37, 0.53, 0.31, 0.44, 0.08, 0.62, 0.35])
P_VALUES = np.array([0.001, 0.008, 0.039, 0.041, 0.20])

FACTORIAL = np.array(
    [[90, 90.2], [90.9, 91.2], [91.1, 91.4], [92.3, 92.2], [91, 91.3], [92.1, 92], [91.2, 91.6], [92.4, 92.3]]
)
CELLS = np.array(list(itertools.product([False, True], repeat=3)))
SIGNS = np.where(CELLS, 1.0, -1.0)
Term = tuple[int, ...]  # places of factors
UP_TO_TWO: list[Term] = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
EVERY: list[Term] = [*UP_TO_TWO, (0, 1, 2)]


def six(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


def limits(interval: Any) -> tuple[float, float]:
    return interval.low, interval.high


def pair(low: float, high: float) -> object:
    return pytest.approx((low, high), abs=1e-6)


def test_r1_paired_t() -> None:
    found, size = paired_effect(D), paired_effect_size(D)
    assert (found.effect, found.sd, found.t, found.df, found.p) == (
        six(0.416), six(0.181604), six(5.122158), 4, six(0.006876)
    )  # fmt: skip
    assert limits(found.interval()) == pair(0.190509, 0.641491)
    assert (size.d_z, hedges_correction(4), size.hedges_g) == (six(2.290699), six(0.8), six(1.832559))
    assert np.corrcoef(A, B)[0, 1] == six(0.408996)


def test_r1_correlation_of_equally_scattered_arms() -> None:
    # Ours divides by the mean variance, so it is Pearson's r where both arms scatter alike.
    found = seed_correlation(np.stack([A / A.std(), B / B.std()]))
    assert found is not None and found.value == six(0.408996)


def test_r1b_three_seeds() -> None:
    found = paired_effect(D[:3])
    assert (found.t, found.p) == (six(2.837818), six(0.104981))
    assert limits(found.interval()) == pair(-0.203032, 0.989699)


def test_r1c_welch_ignores_the_pairs() -> None:
    found: Any = stats.ttest_ind(A, B, equal_var=False)
    assert (found.statistic, found.df, found.pvalue) == (six(4.445703), six(4.889363), six(0.007094))
    interval = found.confidence_interval()
    assert (interval.low, interval.high) == pair(0.173815, 0.658185)


def test_r2_five_seeds_cannot_reach_five_percent_by_sign_flips() -> None:
    assert sign_flip_p(D) == 0.0625 == smallest_p(5)


def test_r2b_sign_flip_and_others_on_mixed_signs() -> None:
    assert paired_effect(MIXED).effect == six(0.141429)
    assert sign_flip_p(MIXED) == 0.0625
    theirs: Any = stats.permutation_test((MIXED,), np.mean, permutation_type="samples", n_resamples=10**6)
    assert theirs.pvalue == 0.0625
    ranks: Any = stats.wilcoxon(MIXED, method="exact")
    assert ranks.pvalue == six(0.078125)
    assert paired_effect(MIXED).p == six(0.031773)


def test_r3_multiplicity() -> None:
    assert holm(P_VALUES) == pytest.approx([0.005, 0.032, 0.117, 0.117, 0.2])
    assert benjamini_hochberg(P_VALUES) == pytest.approx([0.005, 0.02, 0.05125, 0.05125, 0.2])
    assert stats.false_discovery_control(P_VALUES) == pytest.approx(benjamini_hochberg(P_VALUES))


def test_r3_corrections_that_are_not_used() -> None:
    by, hommel = (multipletests(P_VALUES, 0.05, method)[1] for method in ("fdr_by", "hommel"))
    assert by == pytest.approx([0.011417, 0.045667, 0.117021, 0.117021, 0.456667], abs=1e-6)
    assert hommel == pytest.approx([0.005, 0.032, 0.078, 0.082, 0.2])
    assert np.all(hommel <= holm(P_VALUES))  # Holm is the cautious one, and needs no assumption


def enumerate_bca(values: np.ndarray) -> tuple[float, float, float, float]:
    """p0, z0, acceleration and the lower level of a BCa interval of the mean, over every resample there is."""
    resamples = np.mean(list(itertools.product(values, repeat=len(values))), axis=1)
    below = np.mean(resamples < values.mean() - 1e-12)  # ties up to rounding: the sums come in another order
    p0 = float(below + np.mean(np.abs(resamples - values.mean()) <= 1e-12) / 2)
    z0 = float(stats.norm.ppf(p0))
    jackknife = np.array([np.delete(values, i).mean() for i in range(len(values))])
    spread = jackknife.mean() - jackknife
    acceleration = float(np.sum(spread**3) / (6 * np.sum(spread**2) ** 1.5))
    z = z0 + stats.norm.ppf(0.025)
    return p0, z0, acceleration, float(stats.norm.cdf(z0 + z / (1 - acceleration * z)))


def test_r4_bootstrap_interval_of_five_seeds_is_far_too_narrow() -> None:
    p0, z0, acceleration, level = enumerate_bca(D)
    assert (p0, z0, acceleration, level) == (six(0.46224), six(-0.094792), six(-0.071282), six(0.006172))
    bca = stats.bootstrap((D,), np.mean, method="BCa", n_resamples=99_999, rng=np.random.default_rng(7))
    percentile = stats.bootstrap((D,), np.mean, method="percentile", n_resamples=99_999, rng=np.random.default_rng(7))
    assert limits(bca.confidence_interval) == pytest.approx((0.21, 0.522), abs=1e-3)
    assert limits(percentile.confidence_interval) == pytest.approx((0.26, 0.538), abs=1e-3)
    ours = paired_effect(D).interval()
    assert ours.high - ours.low > 1.4 * (0.522 - 0.21)


def test_r4b_bootstrap_of_three_and_of_ten_seeds() -> None:
    _, z0, acceleration, _ = enumerate_bca(D[:3])
    assert (z0, acceleration) == (six(-0.046436), six(-0.05964))
    for method, expected in (("BCa", (0.272, 0.486)), ("percentile", (0.278, 0.491)), ("basic", (0.285, 0.498))):
        found = stats.bootstrap((TEN,), np.mean, method=method, n_resamples=9999, rng=np.random.default_rng(12345))
        assert limits(found.confidence_interval) == pytest.approx(expected, abs=0.01)
        assert found.standard_error == pytest.approx(0.054516, abs=0.002)
    assert paired_effect(TEN).effect == six(0.388)
    assert limits(paired_effect(TEN).interval()) == pytest.approx((0.25854, 0.51746), abs=1e-5)


def test_r4c_equal_differences_have_no_interval() -> None:
    equal = np.array([0.3, 0.3, 0.3])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = stats.bootstrap((equal,), np.mean, method="BCa", rng=np.random.default_rng(1)).confidence_interval
    assert np.isnan(found.low) and np.isnan(found.high)
    assert any(issubclass(each.category, stats.DegenerateDataWarning) for each in caught)
    assert not paired_effect(equal).has_spread  # which callers ask first


def fitted(levels: np.ndarray, scores: np.ndarray, terms: list[Term]) -> Any:
    """Of statsmodels: mean, these products of factors, and the seeds as deviations from their mean."""
    columns = [np.prod(levels[:, list(term)], axis=1) for term in terms]
    cells, seeds = (axis.ravel() for axis in np.indices(scores.shape))
    design = np.column_stack([np.ones(scores.size), *(column[cells] for column in columns), 1 - 2 * seeds])
    return OLS(scores.ravel(), design).fit()


def contrast_of(term: Term) -> np.ndarray:
    """[8] weights of the cells: on minus off, over the levels of the others."""
    return np.prod(SIGNS[:, list(term)], axis=1) / 4


def test_r5_full_factorial_in_effect_coding() -> None:
    """The pooled model over cells, with the weights that define an effect, is the regression in -1/+1 coding."""
    fit, theirs = fit_two_way(FACTORIAL), fitted(SIGNS, FACTORIAL, EVERY)
    assert (fit.mse, fit.df) == (six(0.022857), 7) == (six(theirs.mse_resid), theirs.df_resid)
    expected = (0.575, 0.725, 0.95, -0.45, -0.025, 0.025, 0.0)
    for index, (term, effect) in enumerate(zip(EVERY, expected, strict=True), start=1):
        found = fit.contrast(contrast_of(term))
        assert (found.effect, found.standard_error) == (six(effect), six(0.075593))
        assert 2 * theirs.params[index] == six(effect)
        assert found.p == six(theirs.pvalues[index])
    assert limits(fit.contrast(contrast_of((0,))).interval()) == pair(0.396251, 0.753749)
    assert limits(fit.contrast(contrast_of((0, 1))).interval()) == pair(-0.628749, -0.271251)
    assert fit.contrast(contrast_of((0, 1))).p == six(0.000568)
    assert (theirs.params[0], theirs.params[-1]) == (six(91.45), six(-0.075))


def test_r5b_zero_one_coding_answers_another_question() -> None:
    theirs = fitted(CELLS.astype(float), FACTORIAL, EVERY)
    assert theirs.params[:8] == pytest.approx([90.1, 1.05, 1.15, 0.95, -0.9, -0.05, 0.05, 0.0], abs=1e-6)
    assert theirs.bse[1] == six(0.151186)
    alone = fit_two_way(FACTORIAL).effect(4, 0)  # a added to bare
    assert (alone.effect, alone.standard_error) == (six(1.05), six(0.151186))


def test_r5c_without_the_three_way_term() -> None:
    """What pooling the three-way interaction into the noise would give; reports keep the noise of the cells."""
    theirs = fitted(SIGNS, FACTORIAL, UP_TO_TWO)
    assert (theirs.df_resid, theirs.mse_resid, 2 * theirs.bse[2]) == (8, six(0.02), six(0.070711))


def test_r5d_half_fraction_takes_an_interaction_for_a_main_effect() -> None:
    half = CELLS.sum(axis=1) % 2 == 1  # I = ABC
    fit = fit_two_way(FACTORIAL[half])
    found = [fit.contrast(SIGNS[half, factor] / 2).effect for factor in range(3)]
    # Truly .95 for C: the half fraction adds AB's -.45 to it and does not say so.
    assert found == pytest.approx([0.6, 0.7, 0.5])
    mixed = np.column_stack([np.ones(4), SIGNS[half], SIGNS[half, 0] * SIGNS[half, 1]])
    assert np.linalg.matrix_rank(mixed) == 4, "of five columns: c and a x b are one"


def test_r13_interquartile_mean_and_probability_of_improvement() -> None:
    """An interquartile mean is not in use: with a handful of seeds it is the mean or the median by another name."""
    eight = np.array([90, 91, 92, 93, 94, 95, 96, 60])
    assert (stats.trim_mean(eight, 0.25), stats.trim_mean(A, 0.25), np.median(A)) == (six(92.5), six(94.09), six(94.10))
    assert paired_improvement(D).probability == 1.0
    both: Any = stats.mannwhitneyu(A, B)
    assert both.statistic / 25 == 1.0


def test_r14_power() -> None:
    assert seeds_needed(1.0, 1.0, lambda n: n - 1) == 10  # 9.937851, rounded up
    assert power(1.0, 1.0, 5, 4) == six(0.40139)
    assert (smallest_effect(1.0, 5, 4), smallest_effect(1.0, 3, 2)) == (six(1.681997), six(3.264044))
    assert exaggeration(1.0, 1.0, 5, 4).power == six(0.40139)


def test_r15_equivalence() -> None:
    found = tost(paired_effect(-np.array([0.02, -0.03, 0.01, 0.04, -0.02])), 0.1)
    assert (found.p, found.within) == (six(0.000867), True)
    assert limits(found.interval90) == pair(-0.031467, 0.023467)
    assert tost(paired_effect(D), 0.2).p == six(0.971793)


def test_r16_flat_prior_shares_are_the_one_sided_p_values() -> None:
    estimate = paired_effect(D)
    below, above = above_bound(estimate, -0.1, 0.05).p, 1 - above_bound(estimate, 0.1, 0.05).p
    assert (below, 1 - below - above, above) == (six(0.001572), six(0.007266), six(0.991161))
    assert 1 - above_bound(estimate, 0.0, 0.05).p == six(0.996562)


def test_r17_intervals_of_a_share() -> None:
    assert limits(wilson(9400, 10_000)) == pair(0.935174, 0.944488)
    assert limits(wilson(2, 5)) == pair(0.117621, 0.769276)
    assert proportion_confint(2, 5, method="beta") == pair(0.052745, 0.853367)  # Clopper-Pearson: wider


def test_r18_pooled_two_way() -> None:
    rows = np.array([B[:3], A[:3], [93.50, 93.66, 93.71], [93.95, 93.88, 94.02]])
    fit = fit_two_way(rows)
    found = fit.effect(1, 0)
    assert (found.effect, fit.mse, fit.df) == (six(0.393333), six(0.014589), 6)
    assert limits(found.interval()) == pair(0.152019, 0.634648)
    assert limits(paired_effect(rows[1] - rows[0]).interval()) == pair(-0.203032, 0.989699)


def test_r18b_dunnett_of_scipy_ignores_the_seeds() -> None:
    reference, *arms = B[:3], A[:3], np.array([93.50, 93.66, 93.71]), np.array([93.95, 93.88, 94.02])
    found = stats.dunnett(*arms, control=reference, rng=np.random.default_rng(1))
    assert found.pvalue == pytest.approx([0.02444, 0.917279, 0.120994], abs=2e-3)


def test_r19_two_stage_sample_size() -> None:
    first = paired_effect(D[:3])
    assert first.sd == six(0.240069)
    assert seeds_for(first.sd, 3, 0.2) == 27


def test_r20_ratio_of_costs() -> None:
    found = paired_ratio(np.array([1510, 1498, 1522, 1505, 1515]), np.array([1210, 1195, 1221, 1202, 1208]))
    assert found.value == six(1.250842)
    assert found.interval95 is not None
    assert limits(found.interval95) == pair(1.246595, 1.255103)
