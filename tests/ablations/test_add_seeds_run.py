"""`ablate run --add-seeds` on Ray, from the first look to an edit that breaks the promise."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from ablations.records.store import read_final_scores, read_plan_entries
from reports.analysis.study import analyse
from reports.records.load import load_study
from reports.records.load_mlflow import load_study_from_mlflow
from reports.results.study import Analysis
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {
    "base": {"budget": {"epochs": 2, "batch_size": 20}},
    "factors": {"smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]}},
    "controls": {},
    "design": {"kind": "add_one_in"},
    "seeds": [0, 1],
    "more_seeds": {"kind": "looks", "at": [2, 3]},
}


def run(folder: Path, *options: str, **changes: Any) -> tuple[CommandResult, Kept]:
    grid = write_grid(folder / "grid.yaml", **SMALL | changes)
    return ablate("run", grid, *options, "--home", folder / "home"), Kept(Home(folder / "home"))


def analysis(kept: Kept) -> Analysis:
    return analyse(load_study(kept.home.root, kept.study))


@pytest.fixture(scope="module")
def folder(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first look: bare and one factor, two seeds."""
    folder = tmp_path_factory.mktemp("looks")
    result, kept = run(folder)
    assert result.exit_code == 0, result
    assert "plan      as planned" in result.out
    (entry,) = read_plan_entries(kept.home, "small")
    assert (entry.num_results, entry.seeds) == (0, (0, 1))
    return folder


@pytest.fixture(scope="module")
def second_look(folder: Path) -> tuple[CommandResult, list[dict[str, Any]], list[dict[str, Any]]]:
    """What was said, and the records before and after."""
    before = Kept(Home(folder / "home")).lines
    result, kept = run(folder, "--add-seeds")
    assert result.exit_code == 0, result
    return result, before, kept.lines


def test_the_next_look_trains_the_next_seed_of_every_arm_and_nothing_else(folder: Path, second_look: Any) -> None:
    result, before, after = second_look
    assert "look 2 of 2, at 3 seeds, each judged at" in result.err and "seed 2 for every arm" in result.err
    assert "4 runs are reused, 2 are new" in result.err
    assert after[: len(before)] == before and [line["seed"] for line in after[len(before) :]] == [2, 2]
    assert {line["stage_hash"] for line in after[len(before) :]} == {line["stage_hash"] for line in before}


def test_a_declared_look_is_as_planned_at_its_stricter_level(folder: Path, second_look: Any) -> None:
    kept = Kept(Home(folder / "home"))
    assert "plan      as planned" in second_look[0].out
    found = analysis(kept)
    assert found.seeds == (0, 1, 2) and found.as_planned.deviations == ()
    assert "this is look 2 of 2" in found.as_planned.seed_rule
    assert 0.025 < kept.plan["alpha"] < 0.05, "Bonferroni would be .025; the looks share their data"
    entries = read_plan_entries(kept.home, "small")
    assert [entry.seeds for entry in entries] == [(0, 1), (0, 1, 2)]
    assert [entry.num_results for entry in entries] == [0, 1] and entries[0].plan_hash == entries[1].plan_hash
    assert load_study_from_mlflow(kept.home.mlflow_uri, "small").plans == entries


def test_a_plain_run_keeps_the_added_seeds(folder: Path, second_look: Any) -> None:
    kept = Kept(Home(folder / "home"))
    before = kept.plan
    result, _ = run(folder)
    assert result.exit_code == 0 and "already done: 6 runs, nothing to train" in result.out
    assert kept.plan == before and before["seeds"] == [0, 1, 2]


def test_test_is_scored_with_the_added_seeds_too(folder: Path, second_look: Any) -> None:
    kept = Kept(Home(folder / "home"))
    result = ablate("report", "small", "--final", "--home", kept.home.root)
    assert result.exit_code == 0, result
    assert {score.seed for score in read_final_scores(kept.home)} == {0, 1, 2}


def test_after_the_last_look_there_is_no_other(folder: Path, second_look: Any) -> None:
    result, kept = run(folder, "--add-seeds")
    assert result.exit_code == 2 and "last of the declared looks, at 3 seeds, is complete" in result.err
    assert kept.plan["seeds"] == [0, 1, 2]


def test_seeds_written_into_the_grid_afterwards_are_said_and_listed(folder: Path, second_look: Any) -> None:
    result, kept = run(folder, seeds=[0, 1, 2, 3], more_seeds={"kind": "none"})
    assert result.exit_code == 0, result
    assert "the plan changed since it last ran: 6 runs are reused, 2 are new" in result.err
    assert "the report will list this as a deviation" in result.err
    assert "plan      3 deviations: rule for more seeds, level, seeds" in result.out
    texts = json.loads(ablate("report", "small", "--format", "json", "--home", kept.home.root).out)
    found = {d["what"]: d["text"] for d in texts["as_planned"]["deviations"]}
    assert "seeds 2, 3 added" in found["seeds"] and "optional stopping" in found["seeds"]
    assert "optional stopping" in kept.home.report("small").read_text()
