from typing import Any

import pytest

from ablations.commands.stage_tree import arm_lines
from pipeline.spec.study import Arm, PlannedStage, StudyPlan
from tests.ablations.grids import MIXUP, grid, plan_of

SECONDS = {"aa": 4.0, "bb": 30.0, "cc": 5.0, "dd": 6.0}


def stage(name: str, stage_hash: str, **needs: str) -> PlannedStage:
    return PlannedStage(name=name, stage_hash=stage_hash, needs=needs, spec={})


def tree_of(*arms: tuple[PlannedStage, ...], **fields: Any) -> list[str]:
    plan: StudyPlan = plan_of(grid(factors={"mixup": MIXUP})).plan
    named = [Arm(name=f"arm{i}", factors=(), stages=stages, recipe={}, **fields) for i, stages in enumerate(arms)]
    return arm_lines(plan.model_copy(update={"arms": tuple(named)}), SECONDS)


def test_what_a_stage_needs_stands_below_it_with_its_cost() -> None:
    (bare, arm, below) = tree_of((stage("main", "aa"),), (stage("teacher", "bb"), stage("main", "cc", teacher="bb")))
    assert bare.split() == ["arm0", "main", "aa"]
    assert "main cc  5 s a run, 35 s with what it needs" in arm
    assert below.strip() == "└─ teacher bb  30 s"


def test_shared_stages_are_marked_and_counted_once_with_what_needs_them() -> None:
    teacher = stage("teacher", "bb")
    labels = stage("labels_1", "aa")
    lines = tree_of(
        (labels.model_copy(update={"name": "main"}),),
        (labels, stage("labels_2", "dd", labels_1="aa"), teacher,
         stage("main", "cc", labels_2="dd", labels_1="aa", teacher="bb")),
        (teacher, stage("main", "dd", teacher="bb")),
        (labels.model_copy(update={"name": "main"}),),
    )  # fmt: skip
    first, second, *below, third, its, last = lines
    assert "with what it needs" not in first
    assert "45 s with what it needs" in second, "each stage once: 5 + 6 + 4 + 30"
    assert [line.strip() for line in below] == [
        "├─ labels_2 dd  6 s",
        "│  └─ labels_1 aa  4 s  (trained once, with arm0)",
        "├─ labels_1 aa  (as above)",
        "└─ teacher bb  30 s",
    ]
    assert "36 s with what it needs" in third and "(shares a stage with arm1)" in third
    assert its.strip() == "└─ teacher bb  30 s  (trained once, with arm1)"
    assert last.endswith("(shares a stage with arm0)")


@pytest.mark.parametrize("seeds", [(0,), (0, 2)])
def test_arms_with_seeds_of_their_own_say_so(seeds: tuple[int, ...]) -> None:
    (line,) = tree_of((stage("main", "aa"),), seeds=seeds)
    assert line.endswith(f"(seed {', '.join(map(str, seeds))} only)")
