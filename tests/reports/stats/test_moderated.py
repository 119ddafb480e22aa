import numpy as np
import pytest
from scipy import stats

from reports.stats.estimate import Estimate, Method
from reports.stats.headline import degrees_of_freedom
from reports.stats.moderated import moderated_effect, moderated_two_way, prior_variance
from reports.stats.multiplicity import holm
from reports.stats.paired import paired_effect
from reports.stats.pooled import fit_two_way


def test_prior_is_the_mean_variance_of_usable_comparisons() -> None:
    families = [np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([5.0])]
    assert prior_variance(families) == pytest.approx((2.0 + 1.0) / 2)


def test_prior_needs_two_seeds_somewhere() -> None:
    with pytest.raises(ValueError, match="no comparison has 2 seeds"):
        prior_variance([np.array([5.0])])


def test_matches_the_formula_worked_by_hand() -> None:
    differences = np.array([0.49, 0.12, 0.57])  # variance .057633
    found = moderated_effect(differences, prior=0.02)
    variance = (2 * 0.02 + 2 * np.var(differences, ddof=1)) / 4
    theirs = stats.t.interval(0.95, 4, loc=differences.mean(), scale=np.sqrt(variance / 3))
    assert found.method is Method.MODERATED
    assert found.df == 4
    assert (found.interval().low, found.interval().high) == pytest.approx(theirs)


def test_without_weight_on_the_prior_it_is_the_paired_t() -> None:
    differences = np.array([0.49, 0.12, 0.57, 0.37])
    ours, paired = moderated_effect(differences, prior=9.0, prior_df=0), paired_effect(differences)
    assert ours.p == pytest.approx(paired.p)
    assert ours.standard_error == pytest.approx(paired.standard_error)


def test_one_difference_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 differences, but got 1"):
        moderated_effect(np.array([1.0]), prior=1.0)


def test_coverage_and_family_wise_error_without_any_effect() -> None:
    """Eight comparisons with one shared reference and 3 seeds, as in a study that adds eight tricks to bare."""
    rng = np.random.default_rng(5)
    num_studies = 1500
    covered, any_found = 0, 0
    for _ in range(num_studies):
        scores = rng.normal(size=(9, 3))
        differences = scores[1:] - scores[0]
        prior = prior_variance(list(differences))
        estimates = [moderated_effect(row, prior) for row in differences]
        covered += sum(0 in estimate.interval() for estimate in estimates)
        any_found += bool((holm(np.array([e.p for e in estimates])) < 0.05).any())
    assert 0.94 <= covered / (8 * num_studies) <= 0.975
    assert any_found / num_studies <= 0.06


def test_an_average_over_arms_weighs_the_pooled_error_against_its_own_spread() -> None:
    scores = np.random.default_rng(5).standard_normal((8, 4))
    weights = np.array([1, -1, 1, -1, 1, -1, 1, -1]) / 4
    values = weights @ scores
    found = moderated_two_way(fit_two_way(scores).contrast(weights), values)
    # Sums of squares of the two-way table: 7 * 3 = 21 degrees of freedom, 3 of them the
    # average's own, 12 counted of the others.
    residuals = scores - scores.mean(1, keepdims=True) - scores.mean(0) + scores.mean()
    own = values.var(ddof=1)
    rest = ((residuals**2).sum() * (weights @ weights) - 3 * own) / 18
    variance = (12 * rest + 3 * own) / 15
    assert (found.method, found.df, found.num_seeds) == (Method.MODERATED_TWO_WAY, 15, 4)
    assert found.effect == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx((variance / 4) ** 0.5)


@pytest.mark.parametrize(("num_cells", "num_seeds", "df"), [(2, 3, 2), (4, 3, 6), (8, 3, 14), (16, 3, 14), (16, 2, 13)])
def test_an_average_never_has_more_degrees_of_freedom_than_its_data(num_cells: int, num_seeds: int, df: int) -> None:
    scores = np.random.default_rng(1).standard_normal((num_cells, num_seeds))
    weights = np.tile([1.0, -1.0], num_cells // 2) / (num_cells / 2)
    pooled = fit_two_way(scores).contrast(weights)
    found = moderated_two_way(pooled, weights @ scores)
    assert found.df == degrees_of_freedom(Method.MODERATED_TWO_WAY, num_seeds, num_cells) == df
    assert (found == pooled) is (df == pooled.df)  # a small table is pooled whole


def test_the_average_of_two_arms_is_the_paired_t() -> None:
    scores = np.array([[3.0, 5.0, 4.5], [1.0, 1.5, 2.5]])
    ours = moderated_two_way(fit_two_way(scores).contrast(np.array([1.0, -1.0])), scores[0] - scores[1])
    theirs = stats.ttest_rel(*scores)
    assert ours.p == pytest.approx(theirs.pvalue)  # pyright: ignore[reportAttributeAccessIssue]


def test_where_no_seed_is_complete_the_pooled_error_stands_alone_and_counts_for_no_more_than_its_weight() -> None:
    pooled = Estimate(Method.POOLED, 1.0, 0.5, 20, 3)
    found = moderated_two_way(pooled, np.array([1.0]))
    assert (found.effect, found.standard_error, found.df) == (1.0, 0.5, 12)
