"""The graph of stages against the plan, counted by hand."""

from pathlib import Path

import pytest

from ablations.designs import AddOneIn
from pipeline.spec.study import Arm, PlannedStage
from reports.analysis.in_depth import analyse_in_depth
from reports.analysis.stages import analyse_stages
from reports.page.figures.stage_graph import draw_stages
from reports.records.load import StudyData, load_study
from tests.reports.designs import crafted, plan_of
from tests.reports.fixtures import Options, write_home


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    home = tmp_path_factory.mktemp("home")
    return load_study(home, write_home(home, Options(pictures=False)).study)


def test_a_teacher_of_six_arms_is_one_box_and_no_arm_looks_free(study: StudyData) -> None:
    graph = analyse_stages(study)
    teacher = next(node for node in graph.nodes if node.names == ("teacher",))
    assert len(graph.nodes) == 15
    assert set(teacher.on_the_way_to) == {arm.name for arm in study.plan.arms if "distill" in arm.factors}
    assert (teacher.num_arms, teacher.result_of, teacher.depth) == (6, (), 0)
    assert (graph.num_runs, graph.num_runs_unshared) == (15 * 3, 20 * 3)
    for node in (node for node in graph.nodes if node is not teacher):
        own = [study.finished((node.stage_hash, seed)) for seed in (0, 1, 2)]
        busy = [61.0 + seed for seed, record in enumerate(own) if record is not None]
        assert node.num_finished == len(busy)
        assert node.busy_s == pytest.approx(sum(busy) / len(busy))
        before = 1 if node.needs else 0
        assert node.busy_s_with_ancestors == pytest.approx((1 + before) * sum(busy) / len(busy))
        assert node.depth == before


def test_a_stage_that_two_ways_lead_to_counts_once() -> None:
    """a -> b, c -> d: d's cost is all four, each once."""
    study, _ = crafted(plan_of(AddOneIn(), 1))
    stages = [
        PlannedStage(name=name, stage_hash=name, needs={need: need for need in needs}, spec={})
        for name, needs in (("a", ""), ("b", "a"), ("c", "a"), ("d", "bc"))
    ]
    arm = Arm(name="diamond", factors=("f",), stages=tuple(stages), recipe={})
    some = next(iter(study.records.values()))
    costs = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}
    cost = {"samples_seen": 1, "data_wait_s": 0.0, "eval_s": 0.0, "num_parameters": 1, "num_workers": 1}
    records = {
        (name, seed): type(some).model_validate(
            some.model_dump() | {"stage_hash": name, "seed": seed, "cost": cost | {"busy_s": busy_s}}
        )
        for name, busy_s in costs.items()
        for seed in study.plan.seeds
    }
    plan = study.plan.model_copy(update={"arms": (arm,), "comparisons": ()})
    graph = analyse_stages(StudyData(plan, records, [], study.files))
    found = {node.stage_hash: node for node in graph.nodes}
    assert {name: node.depth for name, node in found.items()} == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert {n: node.busy_s_with_ancestors for n, node in found.items()} == {"a": 1.0, "b": 3.0, "c": 5.0, "d": 15.0}
    figure = draw_stages(graph)
    assert figure is not None and figure.svg.count("<g><title>") == 4 and figure.svg.count('class="arrow-head"') == 4


def test_the_figure_has_the_shared_stages_and_the_table_all(study: StudyData) -> None:
    figure = draw_stages(analyse_stages(study))
    assert figure is not None
    assert figure.svg.count("<g><title>") == 7 and figure.svg.count('class="arrow-head"') == 6
    assert figure.svg.count('class="stage shared"') == 1
    assert len(figure.twin.rows) == 15
    assert next(row for row in figure.twin.rows if row[0].startswith("teacher "))[3:] == ("3 of 3", "62 s", "62 s")
    assert next(row for row in figure.twin.rows if row[0].startswith("full "))[4:] == ("62 s", "2.1 min")


def test_arms_of_one_stage_each_need_no_drawing(tmp_path: Path) -> None:
    assert draw_stages(analyse_in_depth(crafted(plan_of(AddOneIn(), 3))[0]).stages) is None
