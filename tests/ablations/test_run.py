"""`ablate run` on Ray: what is kept, what is run again, and what happens when a trial, a worker or a person stops.

All tests share one Ray. Starting a lane takes most of their time, so each invocation answers several questions.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from ablations.records.home import Home
from ablations.records.store import read_records
from pipeline.spec.records import Status
from reports.records.load import load_study
from reports.records.pictures import read_heat, read_thumbnails
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid
from tests.ablations.test_starter import image_folder

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0
DIVERGES = {"hot": {"optimizer.lr": 1.0e6}, "placebo": {"strategies": [{"kind": "placebo"}]}}


def run(folder: Path, **changes: Any) -> tuple[CommandResult, Kept]:
    """Run GRID with these changes in a home of the folder."""
    grid = write_grid(folder / "grid.yaml", **changes)
    return ablate("run", grid, "--home", folder / "home"), Kept(Home(folder / "home"))


@pytest.fixture(scope="module")
def undisturbed(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Kept]:
    """The study on one worker, from start to end; nobody writes to its home again."""
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def grown(undisturbed: tuple[CommandResult, Kept], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Kept, Path]:
    """A copy of it, run again with one seed more and a control that diverges."""
    folder = tmp_path_factory.mktemp("grown")
    shutil.copytree(
        undisturbed[1].home.root, folder / "home", ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts")
    )
    result, kept = run(folder, seeds=[0, 1], controls=DIVERGES)
    return result, kept, folder


def test_a_study_runs_and_leaves_records_plan_report_and_weights(undisturbed: tuple[CommandResult, Kept]) -> None:
    result, kept = undisturbed
    assert result.exit_code == 0, result
    assert "6 runs finished in" in result.out and "Traceback" not in result.err
    assert [line["status"] for line in kept.lines] == ["finished"] * 6
    assert kept.lines[0]["stage"] == "teacher", "ancestors first"
    assert [arm["name"] for arm in kept.plan["arms"]] == ["bare", "+smoothing", "+distill", "full", "+placebo"]
    assert "Does anything help?" in kept.home.report("small").read_text()
    for record in read_records(kept.home).values():
        files = {path.name for path in kept.home.run_dir(record.key).iterdir()}
        assert files >= {"spec.json", "curves.json", "predictions.npz", "explain.npz", "log.txt", "model.pt"}
        assert files >= {"batches.webp", "batches.json"}
    assert not list((kept.home.root / "stages").glob("*")), "checkpoints of finished runs are gone"
    study = load_study(kept.home.root, "small")
    heat = read_heat(study, (study.plan.arm("bare").final.stage_hash, 0))
    assert heat is not None and set(heat.ids) <= set(read_thumbnails(study)), "every explained image has a picture"


def test_arms_differ_as_far_as_their_factors_do(undisturbed: tuple[CommandResult, Kept]) -> None:
    """The same digits and losses everywhere would pass many of the tests below."""
    losses = [undisturbed[1].record(arm).metrics["val/nll"] for arm in ("bare", "+smoothing", "+distill", "+placebo")]
    assert len(set(losses)) == 4
    assert undisturbed[1].record("bare").cost.samples_seen == 3 * 80  # type: ignore[union-attr]


def test_running_again_is_already_done_and_appends_nothing(undisturbed: tuple[CommandResult, Kept]) -> None:
    kept = undisturbed[1]
    before = kept.home.records.read_bytes(), kept.home.report("small").stat().st_mtime_ns
    again = ablate("run", kept.home.root.parent / "grid.yaml", "--home", kept.home.root)
    assert again.exit_code == 0
    assert "already done: 6 runs, nothing to train" in again.out
    assert (kept.home.records.read_bytes(), kept.home.report("small").stat().st_mtime_ns) == before


def test_an_edited_grid_runs_only_what_is_missing(undisturbed: tuple[CommandResult, Kept], grown: Any) -> None:
    kept = grown[1]
    old, new = kept.lines[:6], kept.lines[6:]
    assert old == undisturbed[1].lines
    # the new control with seed 0; with seed 1 the six stages of before and the control
    assert sorted(line["seed"] for line in new) == [0] + [1] * 7
    identities = [(line["stage_hash"], line["seed"]) for line in kept.lines]
    assert len(set(identities)) == len(identities)


def test_a_run_that_diverges_is_a_failed_record_and_the_others_finish(grown: Any) -> None:
    result, kept, _ = grown
    assert result.exit_code == 3, result
    assert "12 runs finished, 2 failed" in result.out
    for seed in (0, 1):
        record = kept.record("+hot", seed)
        assert record.status is Status.FAILED and record.metrics == {}
        assert record.failure.type == "Diverged"
        assert 0 <= record.failure.step < 3 * 4, "80 images in batches of 20, 3 epochs"
        assert f"at step {record.failure.step}" in record.failure.message
    others = [r for r in read_records(kept.home).values() if r.status is Status.FINISHED]
    assert len(others) == 12 and all(np.isfinite(list(r.metrics.values())).all() for r in others)
    assert "hot" in kept.home.report("small").read_text()


def test_running_again_retries_only_what_failed(grown: Any) -> None:
    _, kept, folder = grown
    before = kept.lines
    again = ablate("run", folder / "grid.yaml", "--home", kept.home.root)
    assert again.exit_code == 3
    added = kept.lines[len(before) :]
    assert kept.lines[: len(before)] == before
    assert [(line["status"], line["seed"]) for line in added] == [("failed", 0), ("failed", 1)]
    assert {line["stage_hash"] for line in added} == {kept.record("+hot").stage_hash}
    assert [line["failure"]["step"] for line in added] == [kept.record("+hot", seed).failure.step for seed in (0, 1)]


@pytest.fixture(scope="module")
def two_workers(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Kept]:
    """The same study, each trial shared by two workers, with the control that diverges."""
    resources = {"workers_per_trial": 2, "cpus_per_worker": 0.5}
    return run(tmp_path_factory.mktemp("two"), resources=resources, controls=DIVERGES)


def test_two_workers_train_what_one_worker_trains(
    undisturbed: tuple[CommandResult, Kept], two_workers: tuple[CommandResult, Kept]
) -> None:
    """Same stages, order, crops and shards, so the same numbers to 1e-6, though an epoch's mean is summed differently.

    (With two shards nothing else is: a + b is b + a, and halving is exact.)
    """
    one, two = undisturbed[1], two_workers[1]
    for arm in ("bare", "+smoothing", "+placebo", "+distill", "full"):
        alone, shared = one.record(arm), two.record(arm)
        assert shared.stage_hash == alone.stage_hash
        assert shared.cost.num_workers == 2 and alone.cost.num_workers == 1  # type: ignore[union-attr]
        assert shared.cost.samples_seen == alone.cost.samples_seen  # type: ignore[union-attr]
        assert shared.metrics == pytest.approx(alone.metrics, rel=1e-6), arm
        columns = [np.load(kept.home.run_dir(alone.key) / "predictions.npz") for kept in (one, two)]
        for name in ("val/id", "val/label", "val/predicted"):
            assert (columns[0][name] == columns[1][name]).all(), (arm, name)


def test_two_workers_that_diverge_leave_one_failed_record(grown: Any, two_workers: tuple[CommandResult, Kept]) -> None:
    result, kept = two_workers
    assert result.exit_code == 3, result
    failed = [line for line in kept.lines if line["status"] == "failed"]
    assert [line["stage_hash"] for line in failed] == [kept.record("+hot").stage_hash]
    assert failed[0]["failure"]["type"] == "Diverged" and failed[0]["failure"]["attempts"] == 1
    assert failed[0]["failure"]["step"] == grown[1].record("+hot").failure.step
    assert len(kept.lines) == 7


def worker_pids() -> list[int]:
    """Training workers of this test's Ray, and of no other on the machine."""
    session = ray._private.worker._global_node.get_session_dir_path()  # type: ignore[union-attr]
    found: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parent = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("PPid:"))
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found[int(folder.name)] = int(parent.split()[1]), command
    raylets = {pid for pid, (_, command) in found.items() if "raylet/raylet" in command and session in command}
    return [
        pid for pid, (parent, name) in found.items() if parent in raylets and name.startswith("ray::RayTrainWorker")
    ]


def wait_for_checkpoint(home: Path) -> None:
    """Until a stage has been trained for at least an epoch: the teacher, who has many to go."""
    deadline = time.monotonic() + PATIENCE_S
    while not list(home.glob("stages/*/last.pt")):
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.005)


@contextlib.contextmanager
def killer(home: Path, killed: list[int]) -> Iterator[None]:
    """Kill the training worker in the middle of its first stage."""

    def kill() -> None:
        wait_for_checkpoint(home)
        for pid in worker_pids():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    yield
    thread.join(1.0)


def log_of(kept: Kept, arm: str, stage: str) -> str:
    stages = next(a for a in kept.plan["arms"] if a["name"] == arm)["stages"]
    stage_hash = next(s["stage_hash"] for s in stages if s["name"] == stage)
    return (kept.home.run_dir(f"{stage_hash[:16]}-0") / "log.txt").read_text()


def test_a_killed_worker_changes_no_number(undisturbed: tuple[CommandResult, Kept], tmp_path: Path) -> None:
    killed: list[int] = []
    with killer(tmp_path / "home", killed):
        result, kept = run(tmp_path)
    assert len(killed) == 1
    assert result.exit_code == 0, result
    assert "resumed after epoch" in log_of(kept, "+distill", "teacher"), "it was killed in the middle of the stage"
    assert [line["status"] for line in kept.lines] == ["finished"] * 6
    assert kept.metrics() == undisturbed[1].metrics()


def test_ctrl_c_finishes_the_stage_under_way_and_the_next_run_goes_on(
    undisturbed: tuple[CommandResult, Kept], tmp_path: Path
) -> None:
    grid, home = write_grid(tmp_path / "grid.yaml"), tmp_path / "home"
    address = ray.get_runtime_context().gcs_address
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ablations", "run", str(grid), "--home", str(home)],
            cwd=ROOT,
            env={**os.environ, "RAY_ADDRESS": address},
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            wait_for_checkpoint(home)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130, log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    shown = log.read_text()
    assert "Interrupted with 5 runs to go" in shown and "Traceback" not in shown
    kept = Kept(Home(home))
    assert [(line["stage"], line["status"]) for line in kept.lines] == [("teacher", "finished")]
    assert kept.home.report("small").exists()

    again = ablate("run", grid, "--home", home)
    assert again.exit_code == 0, again
    assert [line["status"] for line in kept.lines] == ["finished"] * 6
    assert kept.metrics() == undisturbed[1].metrics()


def test_a_bad_image_is_named_or_skipped_and_counted(ray_session: None, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", {"cat": 20, "dog": 20}, size=(20, 16))
    (folder / "cat" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    data = {"kind": "image_folder", "path": str(folder), "image_size_px": 16}
    changes: dict[str, Any] = {
        "factors": {"smoothing": {"strategies": [{"kind": "label_smoothing"}]}},
        "controls": {},
        "resources": {"lanes": 1, "timing_rounds": 1, "timing_s": 0.05},
    }
    budget = {"epochs": 2, "batch_size": 8}
    base = {"model": {"kind": "small_cnn", "width": 4}, "optimizer": {"kind": "sgd"}, "budget": budget}

    result, kept = run(tmp_path, base={"data": data, **base}, **changes)
    assert result.exit_code == 2, result
    assert "1 of 40 images cannot be decoded" in result.err and "cat/3.png" in result.err
    assert "on_bad_image: skip" in result.err and "Traceback" not in result.err
    assert not kept.home.records.exists()

    result, kept = run(tmp_path, base={"data": {**data, "on_bad_image": "skip"}, **base}, **changes)
    assert result.exit_code == 0, result
    assert [(line["status"], line["skipped_images"]) for line in kept.lines] == [("finished", 1)] * 2
    timings = [json.loads(line) for line in kept.home.timings.read_text().splitlines()]
    assert {timing["stage_hash"] for timing in timings} == {line["stage_hash"] for line in kept.lines}
    assert all(timing["step_ms"] > 0 for timing in timings)
    assert "<dt>skipped images</dt><dd>1</dd>" in kept.home.report("small").read_text()
