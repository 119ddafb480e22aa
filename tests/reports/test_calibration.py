from pathlib import Path

import numpy as np
import pytest

from reports.analysis.calibration import analyse_calibration
from reports.records.load import StudyData, load_study
from reports.records.predictions import read_answers
from reports.results.in_depth import CalibrationAnalysis
from tests.reports.answers import answered
from tests.reports.fixtures import Options, write_home


def calibration_of(study: StudyData) -> CalibrationAnalysis:
    found = analyse_calibration(study, read_answers(study))
    assert found is not None
    return found


def test_one_confidence_for_all_images_makes_the_error_the_gap() -> None:
    rng = np.random.default_rng(0)
    right = {"bare": rng.random((2, 300)) < 0.6, "x": rng.random((2, 300)) < 0.8}
    found = calibration_of(answered(right, confidence=0.8))
    for arm in found.arms:
        gaps = [abs(row.mean() - 0.8) for row in right[arm.arm]]
        assert arm.ece == pytest.approx(100 * np.mean(gaps), abs=1e-4)
        assert arm.confidence == pytest.approx(80, abs=1e-4)
        assert arm.accuracy == pytest.approx(100 * right[arm.arm].mean())
        # all images in one bin: E|N(0, v)| with v = .8 * .2 / 300
        assert arm.ece_null == pytest.approx(100 * np.sqrt(2 * 0.16 / 300 / np.pi), rel=0.15)


def test_an_honest_arm_stands_at_its_null_level() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.beta(6, 0.6, 600)
    arms = {arm: rng.random((12, 600)) < confidence for arm in ("bare", "x")}
    arms["x"] &= rng.random((12, 600)) < 0.9  # promises too much
    honest, proud = calibration_of(answered(arms, confidence=confidence)).arms
    assert honest.ece == pytest.approx(honest.ece_null, rel=0.2)
    assert honest.ece_mass == pytest.approx(honest.ece_mass_null, rel=0.2)
    assert abs(honest.debiased_squared_l2) < 5e-4 < proud.debiased_squared_l2
    assert proud.ece > 3 * proud.ece_null


def test_every_arm_has_its_bins_and_the_same_study_the_same_draws(tmp_path: Path) -> None:
    write_home(tmp_path, Options(fail=(), pictures=False))
    found = calibration_of(load_study(tmp_path, "clothing-tricks"))
    assert found.comparable and len(found.arms) == 14
    for arm in found.arms:
        assert sum(b.count for b in arm.bins) == arm.num_images == 460
        assert all(b.ci95.low - 1e-9 <= b.accuracy <= b.ci95.high + 1e-9 for b in arm.bins)
    assert calibration_of(load_study(tmp_path, "clothing-tricks")) == found


def test_before_and_after_a_temperature() -> None:
    rng = np.random.default_rng(1)
    study = answered({"bare": rng.random((2, 200)) < 0.7, "t": rng.random((2, 200)) < 0.8})
    for seed in (0, 1):
        record = study.records["t", seed]
        study.records["t", seed] = record.model_copy(
            update={"metrics": record.metrics | {"final/temperature": 1.5 + seed}}
        )
    found = calibration_of(study)
    (change,) = found.temperatures
    assert (change.before, change.after, change.temperature) == ("bare", "t", pytest.approx(2.0))
    assert (change.ece_before, change.ece_after) == tuple(arm.ece for arm in found.arms)


def test_nothing_stored_nothing_said() -> None:
    study = answered({"bare": np.ones((2, 4), bool)})
    empty = StudyData(study.plan, {}, [], study.files)
    assert analyse_calibration(empty, read_answers(empty)) is None
