"""The power curve against statsmodels and against the power it promises."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from ablations.designs import AddOneIn, Baseline, FullFactorial
from pipeline.spec.study import StudyPlan
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.power import draw_power
from reports.results.power import PowerAnalysis
from reports.scale import scale_of
from reports.stats.estimate import Method
from reports.stats.power import power
from tests.reports.designs import crafted, plan_of

SCALE = scale_of("top1")


def curve_of(plan: StudyPlan) -> PowerAnalysis:
    found = analyse_in_depth(crafted(plan)[0]).power_curve
    assert found is not None
    return found


def test_two_arms_need_what_statsmodels_says_for_a_paired_t() -> None:
    found = curve_of(plan_of(AddOneIn(), 2, num_seeds=6))
    assert (found.squared_norm, found.num_comparisons, found.num_seeds) == (2.0, 2, 6)
    for point in found.points:
        if point.num_seeds < 3:
            continue
        assert point.method is Method.PAIRED
        for value, alpha in ((point.alone, 0.05), (point.after_correction, 0.025)):
            size = value / (found.sd * np.sqrt(2))
            assert TTestPower().power(size, point.num_seeds, alpha) == pytest.approx(0.8, abs=1e-6)


def test_the_band_is_the_interval_of_the_spread_and_nothing_else() -> None:
    found = curve_of(plan_of(FullFactorial(), 3))
    df = 7 * 2
    for point in found.points:
        assert point.method is (Method.POOLED if point.num_seeds <= 3 else Method.MODERATED_TWO_WAY)
        low, high = (np.sqrt(df / stats.chi2.ppf(tail, df)) for tail in (0.975, 0.025))
        assert point.alone_range.low / point.alone == pytest.approx(low)
        assert point.alone_range.high / point.alone == pytest.approx(high)
    assert found.squared_norm == pytest.approx(4 / 8)  # of a main effect over 8 arms


def test_so_many_seeds_find_delta_and_one_fewer_does_not() -> None:
    found = curve_of(plan_of(FullFactorial(), 3))
    needed = found.seeds_for_delta
    assert needed is not None and found.seeds_range[0] is not None and found.seeds_range[1] is not None
    assert found.seeds_range[0] <= needed <= found.seeds_range[1]
    for num_seeds, enough in ((needed, True), (needed - 1, False)):
        reached = power(
            found.delta, found.sd * found.squared_norm**0.5, num_seeds, min(12, 6 * (num_seeds - 1)) + num_seeds - 1
        )
        assert (reached >= 0.8) is enough
    below = [point.num_seeds for point in found.points if point.alone <= found.delta]
    assert below and below[0] == needed


def test_a_study_of_bare_alone_is_asked_about_two_arms() -> None:
    study, scores = crafted(plan_of(Baseline(), 2, num_seeds=5))
    found = analyse_in_depth(study).power_curve
    assert found is not None
    assert found.sd == pytest.approx(np.std(scores["bare"], ddof=1))
    assert (found.squared_norm, found.num_comparisons) == (2.0, 1)


def test_one_seed_leaves_nothing_to_draw() -> None:
    assert analyse_in_depth(crafted(plan_of(FullFactorial(), 2, num_seeds=1))[0]).power_curve is None


def test_the_figure_marks_the_study_and_its_table_has_every_point() -> None:
    found = curve_of(plan_of(FullFactorial(), 3))
    figure = draw_power(found, SCALE)
    assert figure.svg.count('class="point solid"') == 1 and "this study: 3 seeds" in figure.svg
    assert "0.3 pt: worth caring about" in figure.svg
    here = next(point for point in found.points if point.num_seeds == 3)
    assert f"With 3 seeds, {SCALE.value(here.alone)} pt is found with 80% power" in figure.svg
    assert [row[0] for row in figure.twin.rows] == [str(point.num_seeds) for point in found.points]
    assert [row[0] for row in figure.twin.rows if row[-1]] == ["3"]
