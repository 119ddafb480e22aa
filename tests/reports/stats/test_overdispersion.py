import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm

from reports.stats.mcnemar import count_flips, quasi_mcnemar
from reports.stats.overdispersion import SumsOfSquares, pool_dispersion, sums_of_squares

CASE = np.array([[1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 0], [1, 1, 1, 1, 0, 1]], np.uint8)
WHOLE = np.zeros(1, dtype=int)


def whole(correct: np.ndarray) -> SumsOfSquares:
    return sums_of_squares(correct, WHOLE)


def test_reference_case() -> None:
    (found,) = pool_dispersion([whole(CASE)])
    assert found is not None
    assert (found.phi, found.df) == (pytest.approx(2.058824, abs=1e-6), 2)
    assert found.limit == pytest.approx(stats.chi2.ppf(0.95, 2) / 2)


def test_squares_agree_with_the_analysis_of_variance_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    correct = (rng.random((4, 30)) < rng.random(30)).astype(np.uint8)
    seeds, images = np.indices(correct.shape)
    frame = pd.DataFrame({"y": correct.ravel().astype(float), "s": seeds.ravel(), "i": images.ravel()})
    table = anova_lm(smf.ols("y ~ C(s) + C(i)", frame).fit())
    found = whole(correct)
    assert found.seeds[0] == pytest.approx(table.loc["C(s)", "sum_sq"])
    assert found.residual[0] == pytest.approx(table.loc["Residual", "sum_sq"])


def test_groups_are_each_what_they_would_be_alone() -> None:
    rng = np.random.default_rng(2)
    correct = (rng.random((3, 40)) < 0.7).astype(np.uint8)
    together = sums_of_squares(correct, np.array([0, 15, 22]))
    for group, part in enumerate((correct[:, :15], correct[:, 15:22], correct[:, 22:])):
        assert together.seeds[group] == pytest.approx(whole(part).seeds[0])
        assert together.residual[group] == pytest.approx(whole(part).residual[0])


def test_runs_that_do_not_differ_stay_at_one_and_below_the_limit() -> None:
    rng = np.random.default_rng(3)
    exceeds, phis = 0, []
    for _ in range(400):
        ease = rng.beta(8, 1, 300)
        (found,) = pool_dispersion([whole((rng.random((3, 300)) < ease).astype(np.uint8)) for _ in range(4)])
        assert found is not None and found.df == 8
        exceeds += found.exceeds
        phis.append(found.phi)
    assert np.mean(phis) == pytest.approx(1.0, abs=0.06)
    assert exceeds / 400 == pytest.approx(0.05, abs=0.03)


def test_where_runs_differ_the_widened_test_keeps_its_level_and_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(4)
    plain = widened = 0
    for _ in range(200):
        ease = rng.beta(8, 1, 1000)
        # every run is better or worse by about a point, which no image explains
        arms = [(rng.random((3, 1000)) < ease + rng.normal(0, 0.012, (3, 1))).astype(np.uint8) for _ in range(6)]
        (phi,) = pool_dispersion([whole(arm) for arm in arms])
        assert phi is not None
        flips = count_flips(arms[0].ravel(), arms[1].ravel())
        plain += flips.p < 0.05
        widened += quasi_mcnemar(flips, phi.phi, phi.df).p < 0.05
    assert plain / 200 > 0.15
    assert widened / 200 < 0.08


@pytest.mark.parametrize(
    "correct",
    [
        np.ones((1, 5), np.uint8),  # one seed
        np.tile(np.array([1, 0, 1], np.uint8), (3, 1)),  # all seeds answer alike
        np.array([[1], [0]], np.uint8),  # one image
    ],
)
def test_without_spread_there_is_no_dispersion(correct: np.ndarray) -> None:
    assert pool_dispersion([whole(correct)]) == (None,)


def test_an_arm_without_spread_adds_its_degrees_of_freedom_only() -> None:
    still = np.tile(np.array([1, 0, 1, 1, 0, 1], np.uint8), (3, 1))
    alone, both = pool_dispersion([whole(CASE)])[0], pool_dispersion([whole(CASE), whole(still)])[0]
    assert alone is not None and both is not None
    # the squares stay, and both mean squares are divided by twice the degrees of freedom
    assert (both.phi, both.df) == (pytest.approx(alone.phi), 4)


def test_no_arm_no_groups() -> None:
    assert pool_dispersion([]) == ()
