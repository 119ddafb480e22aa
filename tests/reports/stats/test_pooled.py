import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from reports.stats.pooled import fit_two_way

ROWS = np.array([[93.61, 93.70, 93.74], [94.10, 93.82, 94.31], [93.50, 93.66, 93.71], [93.95, 93.88, 94.02]])


def statsmodels_effect(scores: np.ndarray, treatment: int, reference: int):
    cells, seeds = np.nonzero(np.isfinite(scores))
    table = pd.DataFrame({"y": scores[cells, seeds], "c": cells, "s": seeds})
    fit = smf.ols(f"y ~ C(c, Treatment({reference})) + C(s)", table).fit()
    name = f"C(c, Treatment({reference}))[T.{treatment}]"
    return fit, fit.params[name], fit.bse[name], fit.conf_int().loc[name]


def test_reference_case() -> None:
    fit = fit_two_way(ROWS)
    found = fit.effect(1, 0)
    assert fit.mse == pytest.approx(0.014589, abs=1e-6)
    assert found.df == 6
    assert found.effect == pytest.approx(0.393333, abs=1e-6)
    assert (found.interval().low, found.interval().high) == pytest.approx((0.152019, 0.634648), abs=1e-6)


def test_balanced_standard_error_is_the_closed_form() -> None:
    fit = fit_two_way(ROWS)
    assert fit.effect(3, 2).standard_error == pytest.approx(np.sqrt(2 * fit.mse / 3))


def test_missing_runs_agree_with_statsmodels() -> None:
    scores = np.random.default_rng(3).normal(90, 1, (5, 4))
    scores[1, 2] = scores[4, 0] = np.nan
    _, effect, standard_error, limits = statsmodels_effect(scores, 1, 4)
    found = fit_two_way(scores).effect(1, 4)
    assert found.effect == pytest.approx(effect)
    assert found.standard_error == pytest.approx(standard_error)
    assert (found.interval().low, found.interval().high) == pytest.approx(tuple(limits))
    assert found.num_seeds == 2


def test_cells_without_a_connecting_seed_are_refused() -> None:
    nan = np.nan
    scores = np.array([[1.0, 2.0, nan, nan], [2.0, 1.5, nan, nan], [nan, nan, 3.0, 4.0], [nan, nan, 5.0, 4.4]])
    fit = fit_two_way(scores)
    assert fit.can_compare(0, 1)
    assert not fit.can_compare(0, 2)
    with pytest.raises(ValueError, match="no seed connects them"):
        fit.effect(0, 2)


def test_one_seed_leaves_nothing_to_judge_by() -> None:
    assert not fit_two_way(np.array([[1.0], [2.0]])).can_compare(0, 1)


def test_coverage_is_nominal_on_normal_data_of_equal_spread() -> None:
    rng = np.random.default_rng(11)
    num_studies = 1500
    hits = 0
    for _ in range(num_studies):
        scores = rng.normal(size=(7, 3)) + rng.normal(size=3)
        hits += 0 in fit_two_way(scores).effect(1, 0).interval()
    # Three standard errors of a simulated share around .95: 3 * sqrt(.95 * .05 / 1500) = .017.
    assert abs(hits / num_studies - 0.95) < 0.017


def test_a_weighted_sum_with_missing_runs_agrees_with_statsmodels() -> None:
    scores = np.random.default_rng(9).normal(90, 1, (5, 4))
    scores[1, 2] = scores[4, 0] = scores[0, 3] = np.nan
    weights = np.array([0.5, 0.5, -1.0, 0.25, -0.25])
    cells, seeds = np.nonzero(np.isfinite(scores))
    table = pd.DataFrame({"y": scores[cells, seeds], "c": cells, "s": seeds})
    theirs = smf.ols("y ~ C(c) - 1 + C(s, Sum)", table).fit()
    test = theirs.t_test(np.concatenate([weights, np.zeros(3)]))
    found = fit_two_way(scores).contrast(weights)
    assert found.effect == pytest.approx(test.effect.item())
    assert found.standard_error == pytest.approx(test.sd.item())
    assert found.p == pytest.approx(test.pvalue.item())
    assert found.num_seeds == 3  # of four, one run short in three of five cells


def test_the_standard_error_of_a_balanced_sum_is_the_closed_form_and_counts_every_seed() -> None:
    scores = np.random.default_rng(2).normal(90, 1, (4, 3))
    fit = fit_two_way(scores)
    weights = np.array([0.5, 0.5, -0.5, -0.5])
    found = fit.contrast(weights)
    assert found.effect == pytest.approx(weights @ scores.mean(axis=1))
    assert found.standard_error == pytest.approx(np.sqrt(fit.mse * 1.0 / 3))
    assert found.num_seeds == 3 and found.sd == pytest.approx(np.sqrt(fit.mse))


def test_a_sum_over_a_cell_without_runs_is_refused() -> None:
    scores = np.random.default_rng(2).normal(90, 1, (3, 3))
    scores[2] = np.nan
    with pytest.raises(ValueError, match="cells 0, 1, 2 cannot be compared"):
        fit_two_way(scores).contrast(np.array([1.0, -0.5, -0.5]))


def test_levels_over_the_seeds_in_hand_agree_with_statsmodels() -> None:
    """A weighted mean of cells, where runs are missing: the seeds count equally, whoever has run with them."""
    scores = np.random.default_rng(3).normal(90, 1, (4, 5)) + np.arange(5)
    scores[1, 2] = scores[3, 0] = np.nan
    cells, seeds = np.nonzero(np.isfinite(scores))
    table = pd.DataFrame({"y": scores[cells, seeds], "c": cells, "s": seeds})
    reference = smf.ols("y ~ C(c) - 1 + C(s, Sum)", table).fit()
    weights = np.array([0.25, 0.75, 0.5, -0.5])
    contrast = np.concatenate([weights, np.zeros(len(reference.params) - 4)])
    expected = reference.t_test(contrast)
    found = fit_two_way(scores).level(weights)
    assert found is not None
    assert found.effect == pytest.approx(expected.effect[0])
    assert (found.interval().low, found.interval().high) == pytest.approx(tuple(expected.conf_int()[0]))


def test_a_cell_that_was_never_seen_has_no_level() -> None:
    scores = np.random.default_rng(3).normal(90, 1, (3, 4))
    scores[2] = np.nan
    fit = fit_two_way(scores)
    assert fit.level(np.array([0.0, 0.0, 1.0])) is None
    level = fit.level(np.array([1.0, 0.0, 0.0]))
    assert level is not None and level.effect == pytest.approx(scores[0].mean())
