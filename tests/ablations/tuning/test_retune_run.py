"""`ablate run` of a retuned grid on Ray: searched, stopped between the phases, resumed, reported."""

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from ablations.records.home import Home
from ablations.records.store import read_records
from ablations.tuning import retune
from tests.ablations.studies import ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

SMOOTHING = {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]}
SEED = 1_000_003


def test_a_study_stopped_after_its_searches_goes_on_and_trains_nothing_twice(ray_session: None, tmp_path: Path) -> None:
    file = write_grid(
        tmp_path / "grid.yaml",
        base={"budget": {"epochs": 2, "batch_size": 20}},
        factors={"smoothing": SMOOTHING, "faster": {"optimizer.lr": 0.2}},
        controls={},
        seeds=2,
        retune={"fields": ["optimizer.lr"], "trials": 3},
    )
    home = Home(tmp_path / "home")

    def stop_here(*arguments: object) -> None:
        raise KeyboardInterrupt

    with patch.object(retune.ArmSearches, "settled", stop_here):
        stopped = ablate("run", file, "--home", home.root)
    assert stopped.exit_code == 130 and "nothing finished is lost" in stopped.err
    first = read_records(home)
    assert {seed for _, seed in first} == {SEED}
    assert len(first) == 3 * 2, "bare and +smoothing; +faster sets the field itself, and so does full"
    seen = json.loads(ablate("plan", file, "--home", home.root, "--json").out)
    assert seen["retune"]["settled"] and seen["retune"]["runs"] == {"unique": 6, "finished": 6, "pending": 0}

    result = ablate("run", file, "--home", home.root)
    assert result.exit_code == 0, result
    lines = [json.loads(line) for line in home.records.read_text().splitlines()]
    identities = [(line["stage_hash"], line["seed"]) for line in lines]
    assert len(set(identities)) == len(identities), "no run is trained twice"
    assert not any(name.startswith("test/") for line in lines for name in line["metrics"]), "test is not read"
    assert not home.final_scores.exists()

    plan = json.loads(home.plan("small").read_text())
    assert plan["seeds"] == [0, 1] and plan["retuning"]["seed"] == SEED
    trial = {(line["stage_hash"], line["seed"]): line["metrics"]["val/top1"] for line in lines}
    hashes = {
        a["name"]: a["stages"][-1]["stage_hash"] for a in json.loads(home.plan("small-retune").read_text())["arms"]
    }
    arms = {arm["name"]: arm for arm in plan["arms"]}
    for search in plan["retuning"]["arms"]:
        scores = [trial[hashes[candidate["arm"]], SEED] for candidate in search["candidates"]]
        assert len(scores) == (3 if search["arm"] in ("bare", "+smoothing") else 0)
        if scores:
            best = search["candidates"][scores.index(max(scores))]["values"]
            assert arms[search["arm"]]["stages"][-1]["spec"]["optimizer"]["lr"] == best["optimizer.lr"]
    assert arms["+faster"]["stages"][-1]["spec"]["optimizer"]["lr"] == 0.2

    entry = json.loads(home.plans("small").read_text().splitlines()[0])
    assert entry["num_results"] == 0, "the runs of the search are part of the plan, no results of its comparisons"
    page = home.report("small").read_text()
    assert "Tuned or not" in page and "faster added to bare" in page and "not tuned" in page
    assert home.report("small-retune").exists()
    markdown = ablate("report", "small", "--home", home.root, "--format", "md").out
    assert "| bare | tuned | optimizer.lr | 3 of 3 |" in markdown
    again = ablate("run", file, "--home", home.root)
    assert again.exit_code == 0 and len(home.records.read_text().splitlines()) == len(lines)
