from ablations.records.study_runs import study_runs
from tests.ablations.kept_results import BARE, STUDENT, TEACHER, planned_stage, study_plan


def test_each_stage_runs_once_per_seed_and_names_whom_it_serves() -> None:
    runs = study_runs(study_plan(seeds=(3, 5)))
    assert [(run.name, run.stage_hash, run.arms) for run in runs] == [
        ("bare seed 3", BARE.stage_hash, ("bare", "bare-too")),
        ("teacher seed 3", TEACHER.stage_hash, ("distill",)),
        ("distill seed 3", STUDENT.stage_hash, ("distill",)),
        ("bare seed 5", BARE.stage_hash, ("bare", "bare-too")),
        ("teacher seed 5", TEACHER.stage_hash, ("distill",)),
        ("distill seed 5", STUDENT.stage_hash, ("distill",)),
    ]
    assert runs[1].key == f"{TEACHER.stage_hash[:16]}-3"
    assert study_runs(study_plan(seeds=(3, 5)), seed=5) == runs[3:]
    assert study_runs(study_plan(seeds=(3, 5)), seed=4) == ()


def test_two_different_teachers_are_told_apart() -> None:
    plan = study_plan(seeds=(0,))
    second = plan.arm("distill").model_copy(
        update={"name": "distill-large", "stages": (planned_stage("teacher", "larger"), planned_stage("main", "other"))}
    )
    names = [run.name for run in study_runs(plan.model_copy(update={"arms": (*plan.arms, second)}))]
    assert names == [
        *("bare seed 0", "teacher for distill seed 0", "distill seed 0"),
        *("teacher for distill-large seed 0", "distill-large seed 0"),
    ]
    assert len(names) == len(set(names))
