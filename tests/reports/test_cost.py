import numpy as np
import pytest
from scipy import stats

from pipeline.spec.records import TimingRecord
from reports.analysis.cost import averaged_step_ratio, step_ratio
from reports.records.load import StudyData
from tests.reports.fixtures import ENVIRONMENT
from tests.reports.test_effects import NoFiles, study_of


def timed(*rounds: tuple[str, int, str, float]) -> StudyData:
    plan = study_of({"bare": [0.9], "x": [0.9]}).plan
    timings = [
        TimingRecord(block=b, round=r, stage_hash=s, step_ms=ms, images_per_s=1, peak_memory_mb=None,
                     environment=ENVIRONMENT)
        for b, r, s, ms in rounds
    ]  # fmt: skip
    return StudyData(plan, {}, timings, NoFiles())


def test_rounds_pair_within_the_latest_block_that_has_both() -> None:
    study = timed(
        ("a", 0, "bare", 10), ("a", 0, "x", 90), ("b", 0, "bare", 10), ("b", 0, "x", 20), ("b", 1, "bare", 100),
        ("b", 1, "x", 210), ("c", 0, "x", 70),
    )  # fmt: skip
    found = step_ratio(study, "x", "bare")
    assert found is not None
    assert (found.block, found.num_rounds) == ("b", 2)
    assert found.value == pytest.approx((2.0 * 2.1) ** 0.5)


def test_blocks_are_never_mixed() -> None:
    assert step_ratio(timed(("a", 0, "bare", 10), ("b", 0, "x", 20)), "x", "bare") is None


def test_an_unpaired_round_is_dropped() -> None:
    found = step_ratio(timed(("a", 0, "bare", 10), ("a", 0, "x", 15), ("a", 1, "x", 99)), "x", "bare")
    assert found is not None
    assert (found.value, found.ci95, found.num_rounds) == (pytest.approx(1.5), None, 1)


def test_the_cost_of_an_average_is_the_geometric_mean_over_its_arms() -> None:
    steps = {"bare": (10, 11), "a": (20, 23), "b": (30, 31), "ab": (90, 89), "other": (1, 1)}
    study = timed(*(("t", i, stage, ms) for stage, both in steps.items() for i, ms in enumerate(both)))
    weights = (("a", 0.5), ("ab", 0.5), ("bare", -0.5), ("b", -0.5))
    found = averaged_step_ratio(study, weights)
    assert found is not None and found.ci95 is not None
    by_round = [((20 * 90) / (10 * 30)) ** 0.5, ((23 * 89) / (11 * 31)) ** 0.5]
    assert found.value == pytest.approx((by_round[0] * by_round[1]) ** 0.5)
    limits = stats.ttest_1samp(np.log(by_round), 0).confidence_interval()
    assert (found.ci95.low, found.ci95.high) == pytest.approx((np.exp(limits.low), np.exp(limits.high)))
    assert averaged_step_ratio(study, (*weights, ("untimed", 0.0))) is None
    assert averaged_step_ratio(study, (("a", 1.0), ("b", 1.0), ("bare", -2.0))) is None, "no ratio of two arms"
