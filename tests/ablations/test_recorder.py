import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ablations.records import store
from ablations.records.home import Home
from ablations.records.mlflow_projection import connect
from ablations.records.recorder import Flushed, Recorder, recorder_actor
from ablations.records.sync import sync
from pipeline.spec.errors import ResourceError
from tests.ablations.kept_results import BARE, STUDENT, TEACHER, failed, finished, result, study_plan, timing
from tests.ablations.mlflow_reader import shown


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def dead_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address of this machine where nobody listens: the port is held, but refuses."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{holder.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        yield address


def test_a_study_is_kept_and_shown(home: Home) -> None:
    plan = study_plan(seeds=(0,))
    recorder = Recorder(home)
    recorder.start(plan.model_dump_json())
    assert store.read_plan(home, "tricks") == plan
    for stage, record in [(BARE, finished(BARE, 0)), (TEACHER, failed(TEACHER, 0)), (STUDENT, finished(STUDENT, 0))]:
        recorder.write(result(record, stage))
        assert store.read_records(home)[stage.stage_hash, 0] == record, "kept before write returns"
    recorder.write_timing(timing(BARE, 0))
    home.report("tricks").write_text("<p>done</p>")
    recorder.finish(str(home.report("tricks")))
    assert recorder.flush() == Flushed(written=3, projected=4, unprojected=0, reason="")
    client = connect(home)
    runs = shown(client, "tricks")
    assert {name: run.info.status for name, run in runs.items()} == {
        "bare seed 0": "FINISHED",
        "teacher seed 0": "FAILED",
        "distill seed 0": "FINISHED",
        "study: tricks": "FINISHED",
    }
    files = {file.path for file in client.list_artifacts(runs["study: tricks"].info.run_id)}
    assert files == {"plan.json", "timings.jsonl", "report.html"}


def test_a_dead_mlflow_loses_no_record_and_is_named(
    home: Home, dead_server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = study_plan()
    recorder = Recorder(home)
    with caplog.at_level(logging.WARNING, "ablations"):
        recorder.start(plan.model_dump_json())
        for seed in plan.seeds:
            recorder.write(result(finished(BARE, seed), BARE))
        recorder.finish(None)
        flushed = recorder.flush()
    assert (flushed.written, flushed.projected, flushed.unprojected) == (2, 0, 3)
    assert dead_server.removeprefix("http://127.0.0.1:") in flushed.reason
    said = [entry.getMessage() for entry in caplog.records if entry.name.startswith("ablations")]
    assert len(said) == 1
    assert "run `ablate sync`" in said[0]
    assert list(store.read_records(home).values()) == [finished(BARE, seed) for seed in plan.seeds]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert sync(home).created == 2


def test_a_second_study_shows_the_runs_it_shares_with_the_first(home: Home) -> None:
    recorder = Recorder(home)
    recorder.start(study_plan("first", seeds=(0,)).model_dump_json())
    recorder.write(result(finished(BARE, 0), BARE))
    assert recorder.flush().unprojected == 0
    another = Recorder(home)
    another.start(study_plan("second", seeds=(0, 1)).model_dump_json())
    assert another.flush() == Flushed(written=0, projected=2, unprojected=0, reason="")
    assert set(shown(connect(home), "second")) == {"study: second", "bare seed 0"}


def test_a_failure_after_success_changes_neither_folder_nor_result(home: Home) -> None:
    recorder = Recorder(home)
    recorder.start(study_plan(seeds=(0,)).model_dump_json())
    recorder.write(result(finished(BARE, 0), BARE))
    folder = home.run_dir(finished(BARE, 0).key)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    recorder.write(result(failed(BARE, 0, finished_at="2026-01-01T00:00:00+00:00"), BARE))
    another = Recorder(home)
    another.write(result(failed(BARE, 0, finished_at="2026-01-02T00:00:00+00:00"), BARE))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(home.records.read_text().splitlines()) == 3
    assert store.read_records(home)[BARE.stage_hash, 0] == finished(BARE, 0)
    assert recorder.flush().projected == 2
    assert shown(connect(home), "tricks")["bare seed 0"].info.status == "FINISHED"


def test_no_record_without_its_files(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(home)

    def full(*_: object) -> None:
        raise ResourceError("the disk is full")

    monkeypatch.setattr(store, "write_run", full)
    with pytest.raises(ResourceError, match="disk is full"):
        recorder.write(result(finished(BARE, 0), BARE))
    assert store.read_records(home) == {}
    assert recorder.flush().written == 0


def test_a_recorder_keeps_records_before_it_knows_the_plan(home: Home) -> None:
    recorder = Recorder(home)
    recorder.write(result(finished(BARE, 0), BARE))
    assert len(store.read_records(home)) == 1
    flushed = recorder.flush()
    assert (flushed.written, flushed.unprojected) == (1, 1)
    assert "not started with a plan" in flushed.reason
    recorder.finish(None)
    assert recorder.flush().unprojected == 2
    recorder.start(study_plan(seeds=(0,)).model_dump_json())
    assert recorder.flush().unprojected == 0


def test_a_call_that_ray_repeats_after_a_crash_keeps_the_run_once(home: Home) -> None:
    Recorder(home, study_plan(seeds=(0,))).write(result(finished(BARE, 0), BARE))
    again = Recorder(home, study_plan(seeds=(0,)))
    again.write(result(finished(BARE, 0), BARE))
    assert len(home.records.read_text().splitlines()) == 1
    again.write(result(finished(BARE, 0, top1=0.5), BARE))
    assert len(home.records.read_text().splitlines()) == 2, "trained again, for its weights were gone"


def test_a_run_that_is_kept_can_be_asked_for(home: Home) -> None:
    recorder = Recorder(home, study_plan(seeds=(0,)))
    assert recorder.finished(BARE.stage_hash, 0) is None
    recorder.write(result(failed(BARE, 0), BARE))
    assert recorder.finished(BARE.stage_hash, 0) is None
    recorder.write(result(finished(BARE, 0), BARE))
    assert Recorder(home).finished(BARE.stage_hash, 0) == finished(BARE, 0)


@pytest.mark.ray
@pytest.mark.slow
def test_the_actor_writes_here_and_takes_no_cpu(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    database = f"sqlite:///{home.root}/elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)  # of the driver only: Ray started without it
    home.root.mkdir()
    recorder = recorder_actor(home.root)
    plan = study_plan(seeds=(0,))
    ray.get(recorder.start.remote(plan.model_dump_json()))
    ray.get(recorder.write.remote(result(finished(BARE, 0), BARE)))
    assert store.read_records(home) == {(BARE.stage_hash, 0): finished(BARE, 0)}
    assert ray.available_resources()["CPU"] == ray.cluster_resources()["CPU"]
    ray.get(recorder.write_timing.remote(timing(BARE, 0)))
    assert store.read_timings(home) == (timing(BARE, 0),)
    ray.get(recorder.finish.remote(None))
    flushed: Any = ray.get(recorder.flush.remote())
    assert (flushed.written, flushed.projected, flushed.reason) == (1, 2, "")
    assert set(shown(connect(home), "tricks")) == {"study: tricks", "bare seed 0"}
    assert not home.mlflow_db.exists()
    ray.kill(recorder)


@pytest.mark.ray
@pytest.mark.slow
def test_an_actor_that_dies_comes_back_and_goes_on(home: Home) -> None:
    import ray

    recorder = recorder_actor(home.root, study="tricks")
    ray.get(recorder.start.remote(study_plan(seeds=(0,)).model_dump_json()))
    ray.get(recorder.write.remote(result(finished(BARE, 0), BARE)))
    ray.get(recorder.flush.remote())
    ray.kill(recorder, no_restart=False)
    ray.get(recorder.write.remote(result(finished(TEACHER, 0), TEACHER)))
    assert len(store.read_records(home)) == 2
    flushed: Any = ray.get(recorder.flush.remote())
    # Whichever of the two lives of the actor took the second run: the study and both runs are shown.
    assert (flushed.projected, flushed.reason) == (3, "")
    assert set(shown(connect(home), "tricks")) == {"study: tricks", "bare seed 0", "teacher seed 0"}
    ray.kill(recorder)
