import pytest

from pipeline.spec.records import TimingRecord
from reports.cost import step_ratio
from reports.load import StudyData
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
