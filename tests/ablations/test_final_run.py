"""`ablate report --final` on Ray: the test split is scored when a person asks, and every reading is counted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from ablations.records.store import read_final_scores, read_records
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {
    "base": {"budget": {"epochs": 2, "batch_size": 20}},
    "factors": {
        "smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]},
        "mixup": {"strategies": [{"kind": "mixup"}]},
    },
    "controls": {},
    "seeds": [0, 1],
}
NUM_TEST = 450  # of the digits


@pytest.fixture(scope="module")
def kept(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Two factors added one by one, two seeds: bare, two arms and full."""
    folder = tmp_path_factory.mktemp("final")
    result = ablate("run", write_grid(folder / "grid.yaml", **SMALL), "--home", folder / "home")
    assert result.exit_code == 0, result
    return Kept(Home(folder / "home"))


@pytest.fixture(scope="module")
def first(kept: Kept) -> CommandResult:
    """The first reading."""
    return ablate("report", "small", "--final", "--home", kept.home.root)


def test_bare_and_full_are_scored_with_every_seed_and_no_other_arm(kept: Kept, first: CommandResult) -> None:
    assert first.exit_code == 0, first
    assert first.err.startswith("test read for the 1st time on this data: 4 runs of bare, full")
    scores = read_final_scores(kept.home)
    assert sorted((score.arm, score.seed) for score in scores) == [("bare", 0), ("bare", 1), ("full", 0), ("full", 1)]
    records = read_records(kept.home)
    for score in scores:
        assert score.num_samples == NUM_TEST and score.read == 1
        on_val = {name for name in records[score.stage_hash, score.seed].metrics if name.startswith("val/")}
        assert set(score.metrics) == {name.replace("val/", "test/") for name in on_val}
        assert 0 <= score.metrics["test/top1"] <= 1
    assert len({score.metrics["test/nll"] for score in scores}) == 4, "each run's own weights"


def test_the_report_shows_the_scores_and_no_training_run_was_added(kept: Kept, first: CommandResult) -> None:
    assert len(kept.lines) == 8
    page = kept.home.report("small").read_text()
    assert "<h2>The test split</h2>" in page and f"{NUM_TEST} images" in page
    section = page.split('<section id="test">')[1].split("</section>")[0]
    assert re.findall(r"<tr><td>(\w+)</td><td>2</td>", section) == ["bare", "full"]


def test_reading_again_gives_the_same_scores_and_is_counted(kept: Kept, first: CommandResult) -> None:
    before = read_final_scores(kept.home)
    again = ablate("report", "small", "--final", "--format", "json", "--home", kept.home.root)
    assert again.exit_code == 0 and "2nd time" in again.err
    assert json.loads(again.out)["study"] == "small", "stdout is for the report alone"
    added = read_final_scores(kept.home)[len(before) :]
    assert [score.read for score in added] == [2] * 4
    assert [score.metrics for score in added] == [score.metrics for score in before[:4]]


def test_weights_that_are_gone_are_named_and_nothing_is_scored(
    kept: Kept, first: CommandResult, tmp_path: Path
) -> None:
    before = read_final_scores(kept.home)
    weights = kept.home.run_dir(kept.record("full").key) / "model.pt"
    weights.rename(tmp_path / "model.pt")
    try:
        result = ablate("report", "small", "--final", "--home", kept.home.root)
    finally:
        (tmp_path / "model.pt").rename(weights)
    assert result.exit_code == 2 and "Traceback" not in result.err
    assert "1 of 4 runs have no weights any more" in result.err and str(weights) in result.err
    assert read_final_scores(kept.home) == before
