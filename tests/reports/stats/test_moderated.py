import numpy as np
import pytest
from scipy import stats

from reports.stats.estimate import Method
from reports.stats.moderated import moderated_effect, prior_variance
from reports.stats.multiplicity import holm
from reports.stats.paired import paired_effect


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
