"""Shares of the gain beside their whole, against the published 2^3 (case R6c) and a loop over orders."""

import numpy as np
import pytest
from scipy import stats

from ablations.designs import Shapley
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.shares import draw_shares
from reports.scale import scale_of
from tests.reports.designs import crafted, plan_of, without
from tests.reports.factorial import MAIN, SHARES, factorial_study

SCALE = scale_of("top1")


def test_the_published_shares_add_up_to_the_published_total() -> None:
    found = analyse_in_depth(factorial_study(MAIN + SHARES)).shares
    assert found is not None and found.num_orders is None
    assert [share.estimate for share in found.shares] == pytest.approx([0.575, 0.725, 0.95])
    assert found.sum == pytest.approx(2.25) and found.total == pytest.approx(2.25)
    assert found.total_ci95 is not None and found.total_ci95.low < 2.25 < found.total_ci95.high


def test_sampled_shares_add_up_too_and_say_how_far_other_orders_could_move_them() -> None:
    plan = plan_of(Shapley(orders=8), 5)
    study, scores = crafted(plan)
    found = analyse_in_depth(study).shares
    assert found is not None and found.num_orders == 8
    assert found.total == pytest.approx(scores["full"].mean() - scores["bare"].mean())
    assert found.sum == pytest.approx(found.total, abs=1e-9)
    for share in found.shares:
        draws = next(c.draws for c in plan.comparisons if c.factor == share.factor)
        pairs = [np.mean([scores[after].mean() - scores[before].mean() for after, before in draw]) for draw in draws]
        assert share.estimate == pytest.approx(np.mean(pairs))
        assert share.order_half_width == pytest.approx(stats.t.ppf(0.975, 3) * stats.sem(pairs))


def test_one_pair_of_orders_leaves_their_spread_unknown() -> None:
    found = analyse_in_depth(crafted(plan_of(Shapley(orders=2), 4))[0]).shares
    assert found is not None and all(share.order_half_width is None for share in found.shares)


def test_bars_go_both_ways_and_the_table_has_their_numbers() -> None:
    found = analyse_in_depth(crafted(plan_of(Shapley(orders=8), 5))[0]).shares
    assert found is not None
    figure = draw_shares(found, SCALE)
    negative = sum(share.estimate is not None and share.estimate < 0 for share in found.shares)
    assert negative == 1
    assert figure.svg.count('class="bar bad"') == negative and figure.svg.count('class="bar good"') == 4
    assert figure.svg.count('class="bar flat"') == 1 and figure.svg.count('class="orders"') == 5
    for share, row in zip(found.shares, figure.twin.rows, strict=False):
        assert share.estimate is not None and row[:2] == (share.factor, SCALE.difference(share.estimate))
        assert f"{row[0]} {row[1]} {row[2]}" in figure.svg
    assert figure.twin.rows[-2][1] == figure.twin.rows[-1][1]  # the sum is the whole


def test_without_full_there_are_shares_and_no_whole() -> None:
    study, _ = crafted(plan_of(Shapley(orders=4), 3))
    found = analyse_in_depth(without(study, *(("full", seed) for seed in range(3)))).shares
    assert found is not None and found.total is None and found.sum is None
    assert "no result yet" in draw_shares(found, SCALE).svg
