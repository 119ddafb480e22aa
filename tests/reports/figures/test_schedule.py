import re
from typing import Any

import pytest

from pipeline.spec.card import Card
from pipeline.spec.schedule import SCHEDULES, Cosine
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan
from reports.page.figures.schedule import BOTTOM, LEFT, RIGHT, TOP, draw_schedules, planned_rates, schedule_table
from tests.reports.fixtures import Options, make_plan


def arm(name: str, schedule: dict[str, Any], lr: float = 0.2, epochs: int = 8) -> Arm:
    spec = {"schedule": schedule, "optimizer": {"kind": "sgd", "lr": lr}, "budget": {"epochs": epochs}}
    stage = PlannedStage(name="main", stage_hash=name, spec=spec)
    return Arm(name=name, factors=() if name == "bare" else (name,), stages=(stage,), recipe={})


def plan_of(*arms: Arm, cards: dict[str, Card]) -> StudyPlan:
    data = DataSummary(fingerprint="f", class_names=("a",), num_samples={})
    return StudyPlan(
        study="s", metric=Metric(), seeds=(0,), design="both_ways", arms=arms, comparisons=(), data=data, cards=cards
    )


def curve(svg: str, css: str) -> list[tuple[float, float]]:
    """Points of a curve as shares of the plot: along the training, and of its height."""
    (points,) = re.findall(rf'points="([^"]+)" class="curve {css}"', svg)
    pairs = [tuple(map(float, point.split(","))) for point in points.split()]
    return [((x - LEFT) / (RIGHT - LEFT), (BOTTOM - y) / (BOTTOM - TOP)) for x, y in pairs]


@pytest.mark.parametrize("kind", sorted(set(SCHEDULES) - {"constant"}))
def test_the_picture_is_the_schedule(kind: str) -> None:
    schedule = SCHEDULES[kind].example()
    with_it = arm("it", schedule.model_dump(mode="json"), epochs=30)
    plan = plan_of(arm("bare", {"kind": "constant"}, epochs=30), with_it, cards={"it": SCHEDULES[kind].card})
    (svg,) = draw_schedules(plan).values()
    for along, height in curve(svg, "bold"):
        assert height == pytest.approx(schedule.lr_frac(round(30 * along, 2), 30), abs=0.03)
    assert all(height == pytest.approx(1.0, abs=0.001) for _, height in curve(svg, "reference"))
    assert f"schedule {kind}" in svg
    assert ("validation stalls" in svg) == (kind == "plateau")


def test_rates_are_the_optimizers_and_bare_keeps_its_own() -> None:
    plan = plan_of(
        arm("bare", {"kind": "constant"}, lr=0.1),
        arm("cosine", {"kind": "cosine"}, lr=0.4),
        cards={"cosine": Cosine.card},
    )
    svg = draw_schedules(plan)["cosine"]
    assert "peak 0.4" in svg
    assert curve(svg, "reference")[0][1] == pytest.approx(0.25, abs=0.001)
    assert planned_rates(plan.arm("cosine"))[0] == (0.0, 0.4)
    assert planned_rates(plan.arm("cosine"))[-1] == pytest.approx((8.0, 0.0))


def test_one_picture_for_each_factor_that_sets_a_schedule() -> None:
    plan = make_plan(Options())
    assert list(draw_schedules(plan)) == ["cosine"], "its warm-up has a card of the same family"


def test_a_study_of_which_every_arm_has_the_factor_has_no_dashed_line() -> None:
    svg = draw_schedules(plan_of(arm("cosine", {"kind": "cosine"}), cards={"cosine": Cosine.card}))["cosine"]
    assert "curve bold" in svg and "reference" not in svg


def test_a_card_without_an_arm_is_not_drawn() -> None:
    assert draw_schedules(plan_of(arm("bare", {"kind": "constant"}), cards={"cosine": Cosine.card})) == {}


def test_the_table_has_the_rates_of_the_schedule_beside_bares() -> None:
    schedule = Cosine()
    plan = plan_of(
        arm("bare", {"kind": "constant"}), arm("it", schedule.model_dump(mode="json")), cards={"it": Cosine.card}
    )
    table = schedule_table(plan)
    assert table is not None and table.rows[0] == ("bare", "constant", *("0.2",) * 6)
    assert table.rows[1][:2] == ("it", "cosine") and table.columns[2::5] == ("at the start", "at the end")
    for share, cell in zip((0.0, 0.1, 0.25, 0.5, 0.75, 1.0), table.rows[1][2:], strict=True):
        assert float(cell) == pytest.approx(0.2 * schedule.lr_frac(8 * share, 8), abs=1e-3)
    assert schedule_table(plan_of(arm("bare", {"kind": "constant"}), cards={})) is None
