from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.records import Cost, Curves, TimingRecord
from reports.analysis.speed import analyse_speed
from reports.records.load import StudyData
from tests.reports.fixtures import ENVIRONMENT
from tests.reports.test_effects import make_record, study_of


@dataclass(frozen=True)
class CurveFiles:
    curves: Mapping[tuple[str, int], Curves]

    def read(self, run: tuple[str, int], name: str) -> bytes | None:
        return self.curves[run].model_dump_json().encode() if name == "curves.json" and run in self.curves else None


def study_with(
    curves: Mapping[str, Sequence[Sequence[float]]], images_per_s: Mapping[str, Sequence[float]], metric: str = "top1"
) -> StudyData:
    """Arm -> validation in fractions by seed and epoch; arm -> throughput by round. An epoch has 1,000 images."""
    study = study_of({arm: [rows[0][-1]] * len(rows) for arm, rows in curves.items()}, metric=metric)
    target = 90.0 if metric == "top1" else 0.5
    plan = study.plan.model_copy(update={"metric": study.plan.metric.model_copy(update={"target": target})})
    records, files = {}, {}
    for arm, rows in curves.items():
        for seed, row in enumerate(rows):
            cost = Cost(
                samples_seen=1000 * len(row), busy_s=1, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1
            )
            records[arm, seed] = make_record(arm, seed, row[-1], metric).model_copy(update={"cost": cost})
            files[arm, seed] = Curves(epoch=tuple(range(len(row))), series={f"val/{metric}": tuple(row)})
    timings = [
        TimingRecord(block="b", round=i, stage_hash=arm, step_ms=1, images_per_s=speed, peak_memory_mb=memory,
                     environment=ENVIRONMENT)
        for memory, (arm, speeds) in zip((100.0, 150.0), images_per_s.items(), strict=False)
        for i, speed in enumerate(speeds)
    ]  # fmt: skip
    return StudyData(plan, records, timings, CurveFiles(files))


SLOW = [[0.5, 0.7, 0.8, 0.9, 0.92], [0.5, 0.7, 0.85, 0.91, 0.93], [0.5, 0.6, 0.84, 0.92, 0.92]]
FAST = [[0.7, 0.9, 0.92, 0.93, 0.93], [0.7, 0.91, 0.92, 0.93, 0.93], [0.6, 0.88, 0.92, 0.93, 0.94]]
SPEEDS = {"bare": [500.0, 510.0, 495.0], "x": [250.0, 252.0, 251.0]}


def test_epochs_count_from_one_and_become_seconds_of_the_block() -> None:
    bare, x = analyse_speed(study_with({"bare": SLOW, "x": FAST}, SPEEDS)).arms
    assert bare.epochs == {0: pytest.approx(4.0), 1: pytest.approx(3 + 5 / 6), 2: pytest.approx(3.75)}
    assert x.epochs == {0: pytest.approx(2.0), 1: pytest.approx(1 + 20 / 21), 2: pytest.approx(2.5)}
    assert bare.restricted_epochs == pytest.approx(np.mean([4, 3 + 5 / 6, 3.75]))
    assert bare.epoch_s == pytest.approx(1000 / np.mean(SPEEDS["bare"]))
    assert bare.restricted_s == pytest.approx((bare.restricted_epochs or 0) * (bare.epoch_s or 0))


def test_the_ratio_in_seconds_carries_the_noise_of_seeds_and_of_rounds() -> None:
    found = analyse_speed(study_with({"bare": SLOW, "x": FAST}, SPEEDS))
    (ratio,) = found.ratios
    epochs = np.log([2 / 4, (1 + 20 / 21) / (3 + 5 / 6), 2.5 / 3.75])
    rounds = np.log(np.array(SPEEDS["bare"]) / np.array(SPEEDS["x"]))
    paired, both = stats.ttest_1samp(epochs, 0), stats.ttest_ind(epochs, -rounds, equal_var=False)
    assert ratio.epochs == pytest.approx(np.exp(epochs.mean()))
    assert ratio.seconds == pytest.approx(np.exp(epochs.mean() + rounds.mean()))
    for limits, expected in ((ratio.epochs_ci95, paired), (ratio.seconds_ci95, both)):
        assert limits is not None
        assert (limits.low, limits.high) == pytest.approx(np.exp(expected.confidence_interval(0.95)))


def test_a_run_that_never_gets_there_is_counted_and_forbids_a_ratio() -> None:
    short = [*FAST[:2], [0.7, 0.8, 0.95, 0.85, 0.89]]
    found = analyse_speed(study_with({"bare": SLOW, "x": short}, SPEEDS))
    x, (ratio,) = found.arms[1], found.ratios
    assert (x.num_reached, x.epochs[2]) == (2, None)
    assert x.restricted_epochs == pytest.approx((2 + 1 + 20 / 21 + 5) / 3)
    assert ratio.not_assessed == "not every run reached the target (x 2/3)"
    assert ratio.epochs is None


def test_a_failed_run_never_got_there() -> None:
    study = study_with({"bare": SLOW, "x": FAST}, SPEEDS)
    study.records["x", 1] = make_record("x", 1, None)
    found = analyse_speed(study)
    assert found.arms[1].epochs[1] is None
    assert found.ratios[0].not_assessed == "not every run reached the target (x 2/3)"


def test_the_shortest_arm_sets_the_horizon() -> None:
    never = [[0.5] * 5] * 3
    found = analyse_speed(study_with({"bare": [row[:3] for row in SLOW], "x": never}, SPEEDS))
    assert [arm.restricted_epochs for arm in found.arms] == [3.0, 3.0]


def test_lower_is_better_falls_below_the_target() -> None:
    rows = [[0.9, 0.6, 0.4, 0.3]] * 2
    found = analyse_speed(study_with({"bare": rows, "x": rows}, SPEEDS, metric="nll"))
    assert found.arms[0].epochs == {0: pytest.approx(2.5), 1: pytest.approx(2.5)}


def test_without_a_block_there_are_epochs_and_no_seconds() -> None:
    found = analyse_speed(study_with({"bare": SLOW, "x": FAST}, {}))
    assert found.arms[0].restricted_s is None and found.throughput == ()
    assert found.ratios[0].epochs is not None and found.ratios[0].seconds is None


def test_throughput_and_memory_stand_apart() -> None:
    bare, x = analyse_speed(study_with({"bare": SLOW, "x": FAST}, SPEEDS)).throughput
    logs = np.log(np.array(SPEEDS["x"]) / np.array(SPEEDS["bare"]))
    assert x.ratio is not None and x.ratio.ci95 is not None
    assert x.ratio.value == pytest.approx(np.exp(logs.mean()))
    assert (x.ratio.ci95.low, x.ratio.ci95.high) == pytest.approx(
        np.exp(stats.ttest_1samp(logs, 0).confidence_interval(0.95))
    )
    assert (x.memory_ratio, bare.ratio, bare.memory_ratio) == (1.5, None, None)


def test_no_target_or_no_curve_is_said() -> None:
    study = study_with({"bare": SLOW, "x": FAST}, SPEEDS)
    assert analyse_speed(StudyData(study.plan, study.records, [], CurveFiles({}))).not_assessed == (
        "no run left a validation curve of top-1 accuracy"
    )
    aimless = study.plan.model_copy(update={"metric": study.plan.metric.model_copy(update={"target": None})})
    found = analyse_speed(StudyData(aimless, study.records, study.timings, study.files))
    assert (found.not_assessed, found.arms, len(found.throughput)) == ("the plan names no metric.target", (), 2)
