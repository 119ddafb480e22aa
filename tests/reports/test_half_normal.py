"""The half-normal plot of a screen against scipy's half-normal and a fit by statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from ablations.designs import Fractional, FullFactorial, PlackettBurman
from reports.analysis.half_normal import half_normal_quantiles
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.half_normal import draw_half_normal
from reports.results.half_normal import HalfNormalAnalysis
from reports.scale import scale_of
from tests.reports.designs import FACTORS, crafted, plan_of

SCALE = scale_of("top1")
SCREEN = plan_of(PlackettBurman(), 8)


def screen() -> tuple[HalfNormalAnalysis, pd.DataFrame]:
    study, scores = crafted(SCREEN)
    found = analyse_in_depth(study).half_normal
    assert found is not None
    rows = [
        {factor: 1 if factor in arm.factors else -1 for factor in FACTORS} | {"arm": arm.name, "seed": seed, "y": y}
        for arm in SCREEN.arms
        for seed, y in enumerate(scores[arm.name])
    ]
    return found, pd.DataFrame(rows)


def test_quantiles_are_scipys() -> None:
    for count in (4, 13):
        expected = stats.halfnorm.ppf((np.arange(1, count + 1) - 0.5) / count)
        np.testing.assert_allclose(half_normal_quantiles(count), expected)


def test_sizes_are_those_of_least_squares_smallest_first() -> None:
    found, table = screen()
    fit = smf.ols(f"y ~ {' + '.join(FACTORS)} + C(seed, Sum)", table).fit()
    expected = {factor: 2 * fit.params[factor] for factor in FACTORS}
    assert {point.factor: point.gain for point in found.points} == pytest.approx(expected)
    assert [point.size for point in found.points] == pytest.approx(sorted(abs(value) for value in expected.values()))


def test_the_limit_is_that_of_repeated_runs_not_of_the_fit() -> None:
    """What the main effects leave over between arms is no luck: arms and seeds are taken out, runs remain."""
    found, table = screen()
    runs = smf.ols("y ~ C(arm) + C(seed, Sum)", table).fit()
    effects = smf.ols(f"y ~ {' + '.join(FACTORS)} + C(seed, Sum)", table).fit()
    unscaled = np.asarray(effects.normalized_cov_params)
    widest = max(unscaled[i, i] for i, name in enumerate(effects.params.index) if name in FACTORS)
    assert found.df == runs.df_resid
    assert found.standard_error == pytest.approx(2 * np.sqrt(runs.mse_resid * widest))
    assert found.limit == pytest.approx(found.standard_error * stats.t.ppf(0.975, found.df))
    assert found.limit_of_all == pytest.approx(found.standard_error * stats.t.ppf(1 - 0.025 / 8, found.df))


def test_interactions_of_a_fraction_are_ranked_too_and_a_full_factorial_is_no_screen() -> None:
    fraction = analyse_in_depth(crafted(plan_of(Fractional(cells=16), 6))[0]).half_normal
    assert fraction is not None and len(fraction.points) == 6 + 7
    assert analyse_in_depth(crafted(plan_of(FullFactorial(), 4))[0]).half_normal is None


def test_only_what_stands_out_is_named_and_filled() -> None:
    found, _ = screen()
    figure = draw_half_normal(found, SCALE)
    outside = [point.factor for point in found.points if point.size > found.limit]
    assert 0 < len(outside) < len(found.points)
    assert figure.svg.count('class="point open"') == len(found.points) - len(outside)
    assert {factor for factor in FACTORS if f">{factor}</text>" in figure.svg} == set(outside)
    assert [row[0] for row in figure.twin.rows if row[-1] != "none"] == outside[::-1]
    assert {row[0]: row[2] for row in figure.twin.rows} == {p.factor: SCALE.difference(p.gain) for p in found.points}
