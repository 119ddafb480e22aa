"""A stack step by step, against the scores it was made from."""

import numpy as np
import pytest

from ablations.designs import BothWays, Stack
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.stack import draw_stack
from reports.results.orders import StackAnalysis
from reports.scale import scale_of
from tests.reports.designs import FACTORS, crafted, plan_of, without

SCALE = scale_of("top1")


def stack_of(
    design: Stack, num_factors: int = 5, *gone: tuple[str, int]
) -> tuple[StackAnalysis, dict[str, np.ndarray]]:
    study, scores = crafted(plan_of(design, num_factors))
    found = analyse_in_depth(without(study, *gone)).stack
    assert found is not None
    return found, scores


def test_steps_climb_from_bare_to_full_in_the_order_of_the_grid() -> None:
    found, scores = stack_of(Stack())
    assert found.order == FACTORS[:5] and found.num_orders == 1 and found.start_arm == "bare"
    assert found.start == pytest.approx(scores["bare"].mean())
    assert found.steps[-1].arm == "full"
    reached = found.start
    for step in found.steps:
        assert step.before is not None and step.ci95 is not None and step.gain is not None
        assert step.before == pytest.approx(reached)
        assert step.before + step.gain == pytest.approx(scores[step.arm].mean())
        assert step.ci95.low < step.gain < step.ci95.high
        assert (step.level_range, step.gain_range) == (None, None)
        reached = step.before + step.gain


def test_another_order_is_stated_as_it_was_given() -> None:
    order = ("distill", "cosine", "smoothing", "mixup")
    found, _ = stack_of(Stack(order=order), 4)
    assert found.order == order
    assert "in the order distill, cosine, smoothing, mixup" in draw_stack(found, SCALE).svg


def test_the_envelope_is_the_lowest_and_highest_level_of_any_order() -> None:
    plan = plan_of(Stack(orders=6), 4)
    found, scores = stack_of(Stack(orders=6), 4)
    assert found.num_orders == 6
    draws = {c.factor: c.draws for c in plan.comparisons if c.draws}
    after = {(number, after, factor, before) for factor, some in draws.items()
             for number, ((after, before),) in enumerate(some)}  # fmt: skip
    for count, step in enumerate(found.steps, start=1):
        levels = [scores[arm].mean() for _, arm, _, _ in after if len(plan.arm(arm).factors) == count]
        assert step.level_range is not None and step.gain_range is not None
        assert (step.level_range.low, step.level_range.high) == pytest.approx((min(levels), max(levels)))
        mine = [(arm, before) for _, arm, factor, before in after if factor == step.factor]
        gains = [scores[arm].mean() - scores[before].mean() for arm, before in mine]
        assert len(gains) == 6
        assert (step.gain_range.low, step.gain_range.high) == pytest.approx((min(gains), max(gains)))


def test_a_step_that_has_not_run_is_a_gap() -> None:
    found, scores = stack_of(Stack(), 4, *(("+cosine+mixup", seed) for seed in range(3)))
    assert [step.gain is None for step in found.steps] == [False, True, True, False]
    assert found.steps[2].before is None
    assert found.steps[3].before == pytest.approx(scores["-distill"].mean())
    figure = draw_stack(found, SCALE)
    assert figure.svg.count("no result yet</text>") == 2
    assert figure.svg.count('class="bar ') == 2


def test_the_figure_and_its_table_say_the_same() -> None:
    found, _ = stack_of(Stack(orders=6))
    figure = draw_stack(found, SCALE)
    assert figure.svg.count('class="bar ') == 5 and figure.svg.count('class="envelope"') == 5
    for step, row in zip(found.steps, figure.twin.rows[1:], strict=True):
        assert step.gain is not None and row[1:4:2] == (step.factor, SCALE.difference(step.gain))
        assert f"+ {step.factor}  {row[3]} {row[4]}" in figure.svg
    assert len(figure.twin.columns) == 7 and len(draw_stack(stack_of(Stack())[0], SCALE).twin.columns) == 5


def test_other_designs_have_no_stack() -> None:
    assert analyse_in_depth(crafted(plan_of(BothWays(), 3))[0]).stack is None
