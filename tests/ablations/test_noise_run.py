"""`ablate run` on Ray with the noise floor: luck is trained beside the factors, and the same seed once more."""

import json
from pathlib import Path

import pytest

from ablations.records.home import Home
from ablations.records.store import read_records
from reports.records.load_mlflow import load_study_from_mlflow
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ran(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Kept]:
    """One factor, two seeds: bare, the factor and A/A twice, the rerun once."""
    folder = tmp_path_factory.mktemp("noise")
    grid = write_grid(
        folder / "grid.yaml",
        base={"budget": {"epochs": 2, "batch_size": 20}},
        factors={"smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]}},
        controls={},
        noise_floor=True,
        seeds=[0, 1],
    )
    return ablate("run", grid, "--home", folder / "home"), Kept(Home(folder / "home"))


def test_luck_differs_and_the_rerun_does_not(ran: tuple[CommandResult, Kept]) -> None:
    result, kept = ran
    assert result.exit_code == 0, result
    assert "7 runs finished in" in result.out and len(kept.lines) == 7
    bare = [kept.record("bare", seed).metrics for seed in (0, 1)]
    assert kept.record("rerun").metrics == bare[0]
    for seed in (0, 1):
        assert kept.record("A/A", seed).metrics["val/nll"] not in {one["val/nll"] for one in bare}


def test_the_report_says_both_from_the_home_and_from_mlflow(ran: tuple[CommandResult, Kept]) -> None:
    _, kept = ran
    found = json.loads(ablate("report", "small", "--format", "json", "--home", kept.home.root).out)
    assert [(one["seed"], one["outcome"]) for one in found["reruns"]] == [(0, "same")]
    assert found["repeats"]["scores"].keys() == {"bare", "A/A"} and found["noise_floor"]["sd"] > 0
    assert [control["factor"] for control in found["controls"]] == ["A/A"]
    assert found["completeness"]["num_finished"] == found["completeness"]["num_planned"] == 7
    page = kept.home.report("small").read_text()
    assert "Seed 0 run twice gave the same numbers bit for bit." in page
    assert load_study_from_mlflow(kept.home.mlflow_uri, "small").records == read_records(kept.home)


def test_running_again_finds_everything_done(ran: tuple[CommandResult, Kept], tmp_path: Path) -> None:
    root = ran[1].home.root
    again = ablate("run", root.parent / "grid.yaml", "--home", root)
    assert again.exit_code == 0 and "Everything is already done: 7 runs" in again.out
    assert "7 of 7 runs finished" in ablate("status", "--home", root).out
