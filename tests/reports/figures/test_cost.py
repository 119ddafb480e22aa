import re
from itertools import pairwise

from reports.page.figures.cost import cost_table, draw_cost
from reports.page.figures.labels import LABEL_GAP_PX
from reports.results.effect import CostRatio, Effect
from reports.results.ranges import Range
from reports.scale import scale_of
from reports.stats.verdict import Verdict


def effect(factor: str, estimate: float, ratio: float | None) -> Effect:
    cost = None if ratio is None else CostRatio(value=ratio, ci95=None, num_rounds=1, block="b")
    return Effect(
        factor=factor, context="added to bare", treatment="t", reference="r", control=False, verdict=Verdict.HELPS,
        sentence="", estimate=estimate, ci95=Range(low=estimate - 0.1, high=estimate + 0.1), n=2, num_seeds_planned=2,
        differences={}, step_ratio=cost,
    )  # fmt: skip


def test_improvement_points_up_also_where_lower_is_better() -> None:
    for metric, better in (("top1", 2.0), ("nll", -2.0)):
        drawn = draw_cost((effect("good", better, 1.1), effect("bad", -better, 1.2)), scale_of(metric), 0.1)
        assert drawn is not None
        good, bad = (float(y) for y in re.findall(r'<circle cx="[\d.]+%" cy="([\d.]+)"', drawn))
        assert good < bad


def test_labels_of_close_points_do_not_touch() -> None:
    drawn = draw_cost(tuple(effect(f"f{i}", 1.0 + i / 100, 1.1) for i in range(5)), scale_of("top1"), 0.1)
    assert drawn is not None
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)" dx="-?\d+" text-anchor="\w+" class="name"', drawn))
    assert len(heights) == 5
    assert min(b - a for a, b in pairwise(heights)) >= LABEL_GAP_PX - 1e-9


def test_untimed_effects_make_no_figure() -> None:
    assert draw_cost((effect("a", 1.0, None),), scale_of("top1"), 0.1) is None
    assert cost_table((effect("a", 1.0, None),), scale_of("top1")) is None


def test_the_table_has_every_point_of_the_figure() -> None:
    table = cost_table((effect("a", 1.0, 1.25), effect("b", -2.0, None)), scale_of("top1"))
    assert table is not None and table.rows == (("a", "+1.00 pt [0.90, 1.10]", "1.25x"),)
