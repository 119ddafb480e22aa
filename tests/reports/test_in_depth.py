from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reports.analysis.in_depth import analyse_in_depth
from reports.analysis.study import analyse
from reports.records.load import RunFiles, StudyData, load_study
from reports.results.study import Analysis
from tests.reports.fixtures import Options, write_home


@dataclass
class Counting:
    """Files that remember what was read."""

    files: RunFiles
    read_names: list[tuple[str, int, str]] = field(default_factory=list)

    def read(self, run: tuple[str, int], name: str) -> bytes | None:
        self.read_names.append((*run, name))
        return self.files.read(run, name)


@pytest.fixture
def counted(tmp_path: Path) -> tuple[StudyData, Counting]:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    files = Counting(study.files)
    return replace(study, files=files), files


def test_the_verdicts_wait_for_no_predictions(counted: tuple[StudyData, Counting]) -> None:
    study, files = counted
    analyse(study)
    assert not [name for _, _, name in files.read_names if name == "predictions.npz"]


def test_each_file_of_predictions_is_read_once(counted: tuple[StudyData, Counting]) -> None:
    study, files = counted
    analyse_in_depth(study)
    read = [entry for entry in files.read_names if entry[2] == "predictions.npz"]
    assert len(read) == len(set(read)) == 14 * 3 - 1


def test_the_verdicts_are_those_of_the_shallow_analysis(counted: tuple[StudyData, Counting]) -> None:
    study, _ = counted
    deep, shallow = analyse_in_depth(study), analyse(study)
    assert all(getattr(deep, name) == getattr(shallow, name) for name in Analysis.model_fields)
