"""What the other commands say about a search, without training."""

from pathlib import Path

import pytest
import yaml

from ablations.records.home import Home
from ablations.records.store import write_plan
from tests.ablations.studies import ablate, write_grid
from tests.ablations.tuning.searches import RAW, study_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With a search that has asked for one trial, which has not ended."""
    home, study = Home(tmp_path / "home"), study_of()
    study.start({"optimizer.lr": 0.1, "strategies.mixup.alpha": 0.2, "schedule": {"kind": "cosine"}}, 9)
    write_plan(home, study.plan())
    return home


def test_a_grid_does_not_replace_a_search_of_the_same_name(home: Home, tmp_path: Path) -> None:
    before = home.plan("search").read_bytes()
    for command in ("plan", "run"):
        result = ablate(command, write_grid(tmp_path / "grid.yaml", study="search"), "--home", home.root)
        assert result.exit_code == 2 and "study: 'search' is a search in this home" in result.err
    assert home.plan("search").read_bytes() == before


def test_test_is_not_scored_for_a_search(home: Home) -> None:
    result = ablate("report", "search", "--final", "--home", home.root)
    assert result.exit_code == 2 and "study 'search' is a search, whose winner was selected" in result.err
    assert not home.final_scores.exists()


@pytest.mark.parametrize(
    ("fmt", "said"), [("md", "nothing is chosen"), ("json", '"search": "random"'), ("csv", "factor,")]
)
def test_a_search_is_reported_in_every_format(home: Home, fmt: str, said: str) -> None:
    result = ablate("report", "search", "--format", fmt, "--home", home.root)
    assert result.exit_code == 0 and said in result.out


def test_status_counts_the_runs_that_were_asked_for(home: Home) -> None:
    result = ablate("status", "search", "--home", home.root)
    assert result.exit_code == 0 and "0 of 4 runs finished" in result.out and "trial-0" in result.out


def test_another_search_under_the_name_is_refused_with_the_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "tune.yaml"
    base = RAW["base"] | {"budget": {"epochs": 8, "batch_size": 20}}
    file.write_text(yaml.safe_dump(RAW | {"base": base}), encoding="utf-8")
    result = ablate("tune", file, "--home", home.root)
    assert result.exit_code == 2 and f"error: {file}: study: 'search' has 1 trials of another search" in result.err


def test_a_mistake_in_the_file_is_named_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "tune.yaml"
    file.write_text(yaml.safe_dump(RAW | {"space": {"optimizer.lrr": RAW["space"]["optimizer.lr"]}}), encoding="utf-8")
    result = ablate("tune", file, "--home", tmp_path / "home")
    assert result.exit_code == 2 and "space.optimizer.lrr: there is no such field; did you mean 'lr'?" in result.err
    assert not (tmp_path / "home").exists()
