from pathlib import Path

import numpy as np
import pytest

from pipeline.spec.errors import RecordError
from pipeline.spec.records import run_key
from reports.records.load import StudyData, load_study
from reports.records.predictions import read_answers
from tests.reports.fixtures import Options, write_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_home(tmp_path, Options(pictures=False))
    return tmp_path


def study_in(home: Path) -> StudyData:
    return load_study(home, "clothing-tricks")


def path_of(home: Path, arm: str, seed: int) -> Path:
    return home / "runs" / run_key(study_in(home).plan.arm(arm).final.stage_hash, seed) / "predictions.npz"


def test_answers_are_what_the_files_say(home: Path) -> None:
    study = study_in(home)
    run = (study.plan.arm("bare").final.stage_hash, 1)
    answers, kept = read_answers(study), study.predictions(run)
    assert kept is not None
    assert np.array_equal(answers.runs[run].correct, kept["val/predicted"] == kept["val/label"])
    assert answers.runs[run].correct.dtype == np.uint8
    assert np.array_equal(answers.runs[run].confidence, kept["val/confidence"])
    assert np.array_equal(answers.labels_of(run), kept["val/label"])


def test_only_last_stages_that_finished_are_read(home: Path) -> None:
    study = study_in(home)
    finished = {
        (arm.final.stage_hash, seed)
        for arm in study.plan.arms
        for seed in study.plan.seeds
        if study.finished((arm.final.stage_hash, seed))
    }
    assert read_answers(study).runs.keys() == finished
    assert len(finished) == 14 * 3 - 1


@pytest.mark.parametrize("column", ["val/id", "val/label"])
def test_other_images_or_labels_are_told_apart(home: Path, column: str) -> None:
    path = path_of(home, "bare", 0)
    kept = dict(np.load(path))
    kept[column] = np.roll(kept[column], 1)
    np.savez_compressed(path, **kept)  # type: ignore[arg-type]
    study = study_in(home)
    answers, stage = read_answers(study), study.plan.arm("bare").final.stage_hash
    assert not answers.same_images((stage, 0), (stage, 1))
    assert answers.same_images((stage, 1), (stage, 2))


def test_how_a_file_is_packed_does_not_matter(home: Path) -> None:
    path = path_of(home, "bare", 0)
    np.savez_compressed(path, **dict(np.load(path)))  # type: ignore[arg-type]
    study = study_in(home)
    stage = study.plan.arm("bare").final.stage_hash
    assert read_answers(study).same_images((stage, 0), (stage, 1))


def test_a_run_that_stored_something_else_is_left_out(home: Path) -> None:
    np.savez(path_of(home, "bare", 0), **{"val/id": np.array(["a"])})  # type: ignore[arg-type]
    study = study_in(home)
    assert (study.plan.arm("bare").final.stage_hash, 0) not in read_answers(study).runs


def test_a_torn_file_is_named(home: Path) -> None:
    path = path_of(home, "bare", 0)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RecordError, match=rf"predictions.npz of run {path.parent.name}: cannot be read"):
        read_answers(study_in(home))
