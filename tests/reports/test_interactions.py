"""Pairs of factors, against a published 2^3 (case R5), plain averages over cells, and statsmodels."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from ablations.designs import AddOneIn, Fractional, FullFactorial, Pairwise
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.interaction_map import draw_interaction_map
from reports.page.figures.interaction_plots import draw_interaction_plots, pair_mean_table
from reports.records.load import StudyData
from reports.results.interactions import InteractionAnalysis
from reports.scale import scale_of
from tests.reports.designs import PAIRS_PT, crafted, plan_of, without
from tests.reports.factorial import CELLS, REFERENCE, factorial_study, name_of

SCALE = scale_of("top1")


def pairs_of(study: StudyData) -> InteractionAnalysis:
    found = analyse_in_depth(study).interactions
    assert found is not None
    return found


def test_the_published_factorial_has_its_published_interactions() -> None:
    found = pairs_of(factorial_study())
    estimates = {frozenset((p.first, p.second)): p.estimate for p in found.pairs}
    for pair, published in (("ab", -0.45), ("ac", -0.025), ("bc", 0.025)):
        assert estimates[frozenset(pair)] == pytest.approx(published, abs=1e-9)
    ab = found.pair("b", "a")
    assert ab is not None and ab.ci95 is not None and ab.clear_of_zero
    assert (ab.ci95.low, ab.ci95.high) == pytest.approx((-0.628749, -0.271251), abs=1e-6)
    assert (found.largest[0].first, found.largest[0].second) == ("a", "b")


def test_means_are_averages_of_cells_with_the_intervals_of_statsmodels() -> None:
    found = pairs_of(factorial_study())
    rows = [(name_of(on), "a" in on, "b" in on, seed, y)
            for on, scores in zip(CELLS, REFERENCE, strict=True) for seed, y in enumerate(scores)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["cell", "a", "b", "seed", "y"])
    fit = smf.ols("y ~ C(cell) - 1 + C(seed, Sum)", table).fit()
    pair = found.largest[0]
    means = (pair.neither, pair.first_alone, pair.second_alone, pair.both)
    for mean, (a, b) in zip(means, ((False, False), (True, False), (False, True), (True, True)), strict=True):
        assert mean.value == pytest.approx(table[(table.a == a) & (table.b == b)].y.mean())
        names = [name_of(on) for on in CELLS if ("a" in on, "b" in on) == (a, b)]
        weights = [len(names) ** -1.0 if any(f"[{n}]" in term for n in names) else 0.0 for term in fit.params.index]
        low, high = fit.t_test(np.array(weights)).conf_int()[0]
        assert mean.ci95 is not None and (mean.ci95.low, mean.ci95.high) == pytest.approx((low, high))
    both, first, second, neither = (m.value for m in (pair.both, pair.first_alone, pair.second_alone, pair.neither))
    assert (both - first) - (second - neither) == pytest.approx(2 * -0.45)


def test_means_of_a_fraction_with_extra_arms_still_add_up_to_the_estimate() -> None:
    """Bare and full are appended to it, so plain averages would not."""
    study, _ = crafted(plan_of(Fractional(cells=16), 5))
    found = pairs_of(study)
    assert len(found.largest) == 6
    for pair in found.largest:
        effect = found.pair(pair.first, pair.second)
        both, first, second, neither = (m.value for m in (pair.both, pair.first_alone, pair.second_alone, pair.neither))
        assert effect is not None and effect.estimate == pytest.approx(0.5 * (both - first - second + neither))


def test_a_pairwise_design_shows_its_four_arms() -> None:
    study, scores = crafted(plan_of(Pairwise(), 4))
    found = pairs_of(study)
    assert len(found.pairs) == 6
    pair = next(p for p in found.largest if {p.first, p.second} == {"mixup", "smoothing"})
    assert pair.neither.value == pytest.approx(scores["bare"].mean())
    assert pair.first_alone.value == pytest.approx(scores[f"+{pair.first}"].mean())
    assert pair.both.value == pytest.approx(scores["+mixup+smoothing"].mean())
    effect = found.pair("mixup", "smoothing")
    assert effect is not None and effect.estimate == pytest.approx(PAIRS_PT["mixup", "smoothing"] / 2, abs=0.6)


def test_aliased_pairs_say_with_what_and_one_of_each_chain_has_the_number() -> None:
    """2^(6-2), E=ABC, F=BCD: every pair is one with another."""
    study, _ = crafted(plan_of(Fractional(cells=16), 6))
    found = pairs_of(study)
    assert len(found.pairs) == 15 and {pair.state for pair in found.pairs} == {"aliased"}
    chains = {frozenset({f"{p.first} x {p.second}", *p.mixed_with}) for p in found.pairs}
    assert len(chains) == 7 == sum(pair.estimate is not None for pair in found.pairs)


def test_what_has_not_run_has_no_result_and_no_interval() -> None:
    study, _ = crafted(plan_of(Pairwise(), 3))
    gone = without(study, *(("-smoothing", seed) for seed in range(3)))
    found = pairs_of(gone)
    lost, kept = found.pair("cosine", "mixup"), found.pair("mixup", "smoothing")
    assert lost is not None and (lost.state, lost.estimate, lost.ci95) == ("no result yet", None, None)
    assert kept is not None and kept.state == "estimated"
    assert not any({"cosine", "mixup"} == {pair.first, pair.second} for pair in found.largest)


def test_designs_without_pairs_have_no_figure() -> None:
    assert analyse_in_depth(crafted(plan_of(AddOneIn(), 3))[0]).interactions is None


@pytest.mark.parametrize(("design", "num_factors"), [(FullFactorial(), 4), (Fractional(cells=16), 6)])
def test_marks_follow_the_analysis(design: FullFactorial | Fractional, num_factors: int) -> None:
    found = pairs_of(crafted(plan_of(design, num_factors))[0])
    figure = draw_interaction_map(found, SCALE)
    hollow = sum(not pair.clear_of_zero for pair in found.pairs)
    assert 0 < hollow < len(found.pairs)
    assert figure.svg.count(" hollow") == hollow
    assert figure.svg.count('class="hatch"') == sum(pair.state == "aliased" for pair in found.pairs)
    assert [row[0] for row in figure.twin.rows] == [f"{pair.first} x {pair.second}" for pair in found.pairs]
    for pair, row in zip(found.pairs, figure.twin.rows, strict=True):
        if pair.estimate is not None:
            assert row[1] == SCALE.difference(pair.estimate)
            assert f">{row[1]}</text>" in figure.svg and f"{row[0]}: {row[1]} {row[2]}" in figure.svg


def test_plots_and_their_table_have_the_same_means() -> None:
    found = pairs_of(crafted(plan_of(FullFactorial(), 3))[0])
    panels, table = draw_interaction_plots(found, SCALE), pair_mean_table(found, SCALE)
    assert table is not None and len(panels) == len(found.largest) == 3 and len(table.rows) == 12
    for (panel, pair), kind in product(zip(panels, found.largest, strict=True), ("neither", "both")):
        mean = pair.neither if kind == "neither" else pair.both
        assert mean.ci95 is not None
        limits = f"[{SCALE.value(mean.ci95.low)}, {SCALE.value(mean.ci95.high)}]"
        assert f"{kind}: {SCALE.value(mean.value)} {limits}" in panel.svg
        assert (panel.caption, kind, SCALE.value(mean.value), limits, "8") in table.rows
