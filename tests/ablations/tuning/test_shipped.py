"""The searches that come with the project can be planned as they are."""

from pathlib import Path

import pytest

import ablations
from ablations.grid.yaml_file import read_yaml
from ablations.tuning.spec import parse_tune
from ablations.tuning.study import TuningStudy

SEARCHES = sorted((Path(ablations.__file__).parent / "searches").glob("*.yaml"))


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_it_says_what_it_asks_and_can_be_planned(path: Path) -> None:
    head = path.read_text(encoding="utf-8").splitlines()[:3]
    assert [line[2:].partition(":")[0] for line in head] == ["Question", "Cost", "Command"]
    assert f"ablate tune ablations/searches/{path.name}" in head[2]
    study = TuningStudy(parse_tune(read_yaml(path), str(path)), lambda precision: precision)
    assert study.start(study.spec.experiment({}) and {}, study.tuning.epochs) is not None


def test_there_is_one() -> None:
    assert SEARCHES
