"""`ablate tune` on Ray: trained, killed, resumed, reported."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ablations.records.home import Home
from ablations.records.mlflow_projection import connect
from ablations.records.store import read_records
from tests.ablations.mlflow_reader import shown
from tests.ablations.studies import ablate

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
SEARCH = {
    "study": "small-search",
    "question": "Which rate?",
    "base": {
        "data": {"kind": "digits", "num_train": 80},
        "model": {"kind": "small_cnn", "width": 4},
        "optimizer": {"kind": "sgd", "lr": 0.05},
        "budget": {"epochs": 3, "batch_size": 20},
        "precision": "fp32",
    },
    "space": {
        "optimizer.lr": {"kind": "log_uniform", "low": 0.001, "high": 1.0},
        "budget.batch_size": {"kind": "choice", "values": [10, 20]},
    },
    "search": {"kind": "tpe", "startup_trials": 3},
    "scheduler": {"kind": "asha", "first_epochs": 1, "eta": 3},
    "budget": {"trials": 7},
    "confirm_seeds": 2,
    "resources": {"lanes": 1, "threads_per_worker": 1},
}


def write(folder: Path) -> Path:
    path = folder / "tune.yaml"
    path.write_text(yaml.safe_dump(SEARCH, sort_keys=False), encoding="utf-8")
    return path


def test_a_search_that_is_killed_goes_on_and_trains_nothing_twice(ray_session: None, tmp_path: Path) -> None:
    file, home = write(tmp_path), Home(tmp_path / "home")
    command = [sys.executable, "-m", "ablations", "tune", str(file), "--home", str(home.root)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True)
    try:
        for _ in range(2400):
            if home.records.exists() and len(home.records.read_text().splitlines()) >= 3:
                break
            assert process.poll() is None, "it ended before three runs had"
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = json.loads(home.plan("small-search").read_text())["tuning"]["trials"]

    result = ablate("tune", file, "--home", home.root)
    assert result.exit_code == 0, result
    assert "was chosen" in result.out and "With fresh seeds it scores" in result.out
    plan = json.loads(home.plan("small-search").read_text())
    trials = plan["tuning"]["trials"]
    assert len(trials) == 7 and [t["values"] for t in trials[: len(before)]] == [t["values"] for t in before]
    lines = [json.loads(line) for line in home.records.read_text().splitlines()]
    identities = [(line["stage_hash"], line["seed"]) for line in lines]
    assert len(set(identities)) == len(identities), "no run is trained twice"
    num_runs = sum(len(trial["runs"]) for trial in trials)
    assert len(lines) == num_runs + 4, "the winner and bare with two fresh seeds each"
    assert any(run["epochs"] == 3 for trial in trials for run in trial["runs"])
    assert {line["seed"] for line in lines} == {1_000_003, 0, 1}

    names = shown(connect(home), "small-search")
    assert len(names) == len(lines) + 1, "every run once, and the study"

    page = home.report("small-search").read_text()
    assert "Which rate?" in page and 'id="chosen"' in page and "too high on average" in page

    again = ablate("tune", file, "--home", home.root)
    assert again.exit_code == 0 and "already done" in again.out
    assert len(read_records(home)) == len(lines)
