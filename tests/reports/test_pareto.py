import numpy as np
import pytest
from scipy import stats

from pipeline.spec.records import Cost, TimingRecord
from pipeline.spec.study import PlannedStage
from reports.analysis.pareto import analyse_pareto
from reports.records.load import StudyData
from reports.results.in_depth import ParetoAnalysis
from tests.reports.fixtures import ENVIRONMENT
from tests.reports.test_effects import study_of

LEVELS = {
    "bare": [0.900, 0.910, 0.906],
    "better": [0.920, 0.931, 0.925],  # and slower
    "worse": [0.880, 0.889, 0.886],  # and slower
    "close": [0.9005, 0.911, 0.9055],
}
MS = {
    "bare": [10.0, 10.1, 10.2],
    "better": [15.0, 15.2, 15.2],
    "worse": [12.0, 12.1, 12.3],
    "close": [10.0, 10.12, 10.2],
}


def study_with(metric: str = "top1", samples: dict[str, int] | None = None, rounds: int = 3) -> StudyData:
    levels = LEVELS if metric == "top1" else {arm: [1 - v for v in values] for arm, values in LEVELS.items()}
    study = study_of(levels, metric=metric)
    for run, record in study.records.items():
        seen = (samples or {}).get(run[0], 1000)
        cost = Cost(samples_seen=seen, busy_s=1, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1)
        study.records[run] = record.model_copy(update={"cost": cost})
    timings = [
        TimingRecord(block="b", round=i, stage_hash=arm, step_ms=ms, images_per_s=1000 / ms, peak_memory_mb=None,
                     environment=ENVIRONMENT)
        for arm, times in MS.items()
        for i, ms in enumerate(times[:rounds])
    ]  # fmt: skip
    return StudyData(study.plan, study.records, timings, study.files)


def points_of(study: StudyData) -> tuple[ParetoAnalysis, dict]:
    found = analyse_pareto(study)
    assert found is not None
    return found, {point.arm: point for point in found.points}


@pytest.mark.parametrize("metric", ["top1", "nll"])
def test_better_for_more_is_on_the_front_and_worse_for_more_is_not(metric: str) -> None:
    found, points = points_of(study_with(metric))
    assert (points["better"].mark, points["worse"].mark) == ("solid", "faint")
    assert points["worse"].p_front < 0.01
    assert set(points["worse"].dominated_by) == {"bare", "close"}
    assert 0.3 < points["bare"].p_front < 0.98 and 0.3 < points["close"].p_front < 0.98
    assert points["bare"].dominated_by == points["close"].dominated_by == ()
    assert found.reference == "bare"


def test_levels_and_costs_have_the_intervals_of_the_pooled_model() -> None:
    _, points = points_of(study_with())
    scores = 100 * np.array([*LEVELS.values()])
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    half = stats.t.ppf(0.975, 6) * np.sqrt((residuals**2).sum() / 6 / 3)
    better = points["better"]
    assert better.value == pytest.approx(scores[1].mean())
    assert (better.value_ci95.low, better.value_ci95.high) == pytest.approx((better.value - half, better.value + half))
    assert better.cost == pytest.approx(stats.gmean(MS["better"]) / stats.gmean(MS["bare"]))


def test_longer_training_costs_as_much_as_slower_steps() -> None:
    _, points = points_of(study_with(samples={"better": 2000}))
    assert points["better"].cost == pytest.approx(2 * stats.gmean(MS["better"]) / stats.gmean(MS["bare"]))


def test_the_same_plan_draws_the_same_probabilities() -> None:
    assert analyse_pareto(study_with()) == analyse_pareto(study_with())


def test_one_round_has_a_front_and_no_probabilities() -> None:
    found, points = points_of(study_with(rounds=1))
    assert points["better"].p_front is None and points["better"].on_front
    assert points["better"].mark == "hollow" and points["worse"].mark == "faint"
    assert "How sure that is takes two seeds and two timing rounds" in found.sentence


def test_who_was_not_timed_is_left_out_and_named() -> None:
    study = study_with()
    timed = [timing for timing in study.timings if timing.stage_hash != "better"]
    found, points = points_of(StudyData(study.plan, study.records, timed, study.files))
    assert found.left_out == ("better",) and "better" not in points


def test_without_a_block_there_is_no_front() -> None:
    study = study_with()
    assert analyse_pareto(StudyData(study.plan, study.records, [], study.files)) is None


def test_timed_but_not_scored_is_no_front() -> None:
    study = study_with()
    assert analyse_pareto(StudyData(study.plan, {}, study.timings, study.files)) is None


def test_a_teacher_is_not_for_free() -> None:
    """Its images count as well, at the speed of the student's step."""
    study = study_with()
    teacher = PlannedStage(name="teacher", stage_hash="teacher", spec={})
    arms = tuple(
        arm.model_copy(update={"stages": (teacher, *arm.stages)}) if arm.name == "close" else arm
        for arm in study.plan.arms
    )
    plain = points_of(study)[1]["close"].cost
    for seed in study.plan.seeds:
        record = study.records["close", seed]
        assert record.cost is not None
        cost = record.cost.model_copy(update={"samples_seen": 3000})
        study.records["teacher", seed] = record.model_copy(update={"stage_hash": "teacher", "cost": cost})
    taught = StudyData(study.plan.model_copy(update={"arms": arms}), study.records, study.timings, study.files)
    assert points_of(taught)[1]["close"].cost == pytest.approx(4 * plain)
