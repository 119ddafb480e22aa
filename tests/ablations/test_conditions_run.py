"""A study with conditions on Ray: each is trained once, resumed, and shown in the report of the study itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from reports.records.load import load_study
from reports.records.load_mlflow import load_study_from_mlflow
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {
    "base": {"budget": {"epochs": 2, "batch_size": 20}},
    "factors": {"distill": {"recipes": [{"kind": "teacher_student", "teacher": {"kind": "small_cnn", "width": 6}}]}},
    "conditions": {"model": {"wide": {"model.width": 8}}},
    "controls": {},
    "seeds": [0, 1],
}
PAGE = "Does the verdict hold?"
NUM_RUNS = 10  # bare, distill and its teacher with two seeds; under the condition bare and distill only


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conditions")


@pytest.fixture(scope="module")
def first(ray_session: None, folder: Path) -> CommandResult:
    result = ablate("run", write_grid(folder / "grid.yaml", **SMALL), "--home", folder / "home")
    assert result.exit_code == 0, result
    return result


def test_every_condition_is_trained_and_shared_runs_are_trained_once(first: CommandResult, folder: Path) -> None:
    kept = Kept(Home(folder / "home"))
    assert len(kept.lines) == NUM_RUNS
    studies = {name: load_study(kept.home.root, name) for name in ("small", "small.model-wide")}
    teachers = [{run for run, r in study.records.items() if r.stage == "teacher"} for study in studies.values()]
    assert teachers[0] == teachers[1] and len(teachers[0]) == 2
    assert "condition model=wide (1 of 1; study small.model-wide)" in first.err
    assert f"{NUM_RUNS} runs finished" in first.out


def test_the_report_of_the_study_has_them_and_so_has_mlflow(first: CommandResult, folder: Path) -> None:
    home = Home(folder / "home")
    assert PAGE in first.out and PAGE in home.report("small").read_text()
    assert PAGE not in home.report("small.model-wide").read_text()
    found = load_study_from_mlflow(home.mlflow_uri, "small")
    assert found.conditions["small.model-wide"].records == load_study(home.root, "small.model-wide").records


def test_the_same_command_has_nothing_to_do(first: CommandResult, folder: Path) -> None:
    again = ablate("run", folder / "grid.yaml", "--home", folder / "home")
    assert again.exit_code == 0 and f"Everything is already done: {NUM_RUNS} runs" in again.out, again
    assert PAGE in again.out and len(Kept(Home(folder / "home")).lines) == NUM_RUNS


def test_what_is_missing_under_a_condition_is_trained_again_and_nothing_else(
    first: CommandResult, folder: Path
) -> None:
    home = Home(folder / "home")
    bare = load_study(home.root, "small.model-wide").plan.arm("bare").final.stage_hash
    lines = home.records.read_text().splitlines()
    lost = [line for line in lines if (found := json.loads(line))["stage_hash"] == bare and found["seed"] == 1]
    assert len(lost) == 1
    home.records.write_text("".join(f"{line}\n" for line in lines if line not in lost))
    home.report("small").unlink()
    again = ablate("run", folder / "grid.yaml", "--home", home.root)
    assert again.exit_code == 0, again
    assert len(Kept(home).lines) == NUM_RUNS
    assert load_study(home.root, "small.model-wide").finished((bare, 1)) is not None
    assert PAGE in home.report("small").read_text()


def test_the_test_split_is_scored_under_the_study_itself(first: CommandResult, folder: Path) -> None:
    scored = ablate("report", "small", "--final", "--home", folder / "home")
    assert scored.exit_code == 0 and "test read for the 1st time" in scored.err, scored
