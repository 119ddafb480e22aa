"""`ablate run` with stages before those that are compared: without labels, on other data, and one that fails."""

from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from ablations.records.store import read_records
from pipeline.spec.records import RunRecord, Status
from reports.records.load import load_study
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

TOO_FAST = {"kind": "sgd", "lr": 1.0e30}
LEVELS = {
    "views": {"recipes": [{"kind": "ssl_pretrain", "epochs": 2, "strategies": []}]},
    "other": {"recipes": [{"kind": "pretrain", "epochs": 2, "data": {"kind": "digits", "num_train": 300}}]},
    "broken": {"recipes": [{"kind": "ssl_pretrain", "task": {"kind": "simmim", "patch_px": 4}, "optimizer": TOO_FAST}]},
}


def run(folder: Path) -> tuple[CommandResult, Kept]:
    grid = write_grid(
        folder / "grid.yaml",
        base={"data": {"kind": "digits", "num_train": 80, "labeled_frac": 0.5}},
        factors={"start": {"levels": LEVELS}},
        controls={},
    )
    return ablate("run", grid, "--home", folder / "home"), Kept(Home(folder / "home"))


@pytest.fixture(scope="module")
def study(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Kept, Path]:
    folder = tmp_path_factory.mktemp("pretrain")
    result, kept = run(folder)
    return result, kept, folder


def stages_of(kept: Kept, arm: str) -> dict[str, RunRecord | None]:
    """The record of each stage of an arm."""
    records: dict[Any, RunRecord] = read_records(kept.home)
    stages = next(a for a in kept.plan["arms"] if a["name"] == arm)["stages"]
    return {stage["name"]: records.get((stage["stage_hash"], 0)) for stage in stages}


def test_a_stage_without_labels_runs_first_and_learns_from_the_pool(study: tuple[CommandResult, Kept, Path]) -> None:
    stages = stages_of(study[1], "+start=views")
    assert list(stages) == ["pretrain", "main"]
    first, main, bare = stages["pretrain"], stages["main"], study[1].record("bare")
    assert first is not None and main is not None and first.cost is not None and bare.cost is not None
    assert {"val/knn_top1", "val/probe_top1", "val/effective_rank"} <= first.metrics.keys()
    assert (first.cost.samples_seen, bare.cost.samples_seen) == (2 * 80, 3 * 40), "all images; half have a label"
    assert main.metrics["val/nll"] != bare.metrics["val/nll"], "it starts elsewhere"


def test_a_stage_of_other_data_has_its_own_fingerprint_and_that_is_no_deviation(
    study: tuple[CommandResult, Kept, Path],
) -> None:
    stages = stages_of(study[1], "+start=other")
    assert stages["pretrain"] is not None and stages["main"] is not None
    assert stages["pretrain"].data_fingerprint != stages["main"].data_fingerprint
    assert stages["pretrain"].metrics["val/top1"] > 0
    assert load_study(study[1].home.root, "small").other_fingerprints == ()


def test_what_needs_a_stage_that_failed_is_not_run_and_is_no_failure_of_its_own(
    study: tuple[CommandResult, Kept, Path],
) -> None:
    result, kept, folder = study
    assert result.exit_code == 3, result
    stages = stages_of(kept, "+start=broken")
    assert stages["pretrain"] is not None and stages["pretrain"].status is Status.FAILED
    assert stages["pretrain"].failure is not None and stages["pretrain"].failure.type == "Diverged"
    assert stages["main"] is None
    assert "not run: pretrain failed" in kept.home.report("small").read_text()
    assert "5 runs finished, 1 failed, 1 not run because a stage before them failed in " in result.out, result.out
    before = len(kept.lines)
    again, kept = run(folder)
    assert again.exit_code == 3
    assert [(line["stage"], line["status"]) for line in kept.lines[before:]] == [("pretrain", "failed")]
