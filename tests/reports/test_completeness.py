from pathlib import Path

from reports.analysis.completeness import assess_completeness
from reports.records.load import load_study
from tests.reports.fixtures import Options, write_home


def test_counts_distinct_runs_and_names_failures(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    found = assess_completeness(load_study(tmp_path, "clothing-tricks"))
    assert (found.num_planned, found.num_finished, found.num_failed) == (45, 44, 1)  # 14 arms + a teacher, 3 seeds
    assert found.num_missing == found.num_blocked == 0
    assert not found.complete
    assert [cell.state for cell in found.of_arm("-smoothing")] == ["finished", "finished", "failed"]
    (failure,) = found.failures
    assert (failure.arms, failure.seed, failure.type, failure.step) == (("-smoothing",), 2, "Diverged", 212)
    assert failure.log_tail.endswith("loss nan\n")


def test_a_failed_teacher_is_not_the_arms_own_failure(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False, fail=(("teacher", 1),)))
    # The students of that seed were never started.
    study = load_study(tmp_path, "clothing-tricks")
    students = {arm.final.stage_hash for arm in study.plan.arms if len(arm.stages) > 1}
    for stage in students:
        del study.records[stage, 1]
    found = assess_completeness(study)
    cell = found.of_arm("+distill")[1]
    assert (cell.state, cell.reason) == ("blocked", "not run: teacher failed")
    assert found.of_arm("-distill")[1].state == "finished"
    assert (found.num_failed, found.num_blocked) == (1, len(students))
    assert len(found.failures) == 1
    assert len(found.failures[0].arms) == len(students)


def test_runs_that_were_not_started_are_missing(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False, fail=()))
    study = load_study(tmp_path, "clothing-tricks")
    del study.records[study.plan.arm("full").final.stage_hash, 0]
    found = assess_completeness(study)
    assert (found.num_missing, found.num_finished) == (1, 44)
    assert found.of_arm("full")[0].state == "missing"
