import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from ablations.records import mlflow_projection, store
from ablations.records.home import Home
from ablations.records.mlflow_projection import connect, flatten, project_run, project_study
from ablations.records.store import read_records
from ablations.records.sync import SyncCounts, sync
from pipeline.spec.errors import RecordError
from pipeline.spec.records import RunRecord
from pipeline.spec.study import StudyPlan
from tests.ablations.kept_results import (
    BARE,
    FINISHED_AT,
    STUDENT,
    TEACHER,
    failed,
    finished,
    keep,
    keep_study,
    planned_stage,
    result,
    study_plan,
    timing,
)
from tests.ablations.mlflow_reader import artifacts, everything, history, shown


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow takes a second to create its tables."""
    home = Home(tmp_path_factory.mktemp("template"))
    connect(home).search_experiments()
    return home.mlflow_db


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Home:
    home = Home(tmp_path / "a home")  # with a space: paths go through URIs
    home.root.mkdir()
    shutil.copy(empty_database, home.mlflow_db)
    return home


def in_a_new_process(code: str, home: Home) -> str:
    """What the code prints, on either stream. MLflow keeps a database open for as long as its process lives."""
    start = "import sys; from pathlib import Path; from ablations.records.home import Home"
    code = f"{start}; home = Home(Path(sys.argv[1])); {code}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(home.root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_run_is_shown_as_its_record_says(home: Home, tmp_path: Path) -> None:
    plan = study_plan()
    keep_study(home, plan)
    client = connect(home)
    record = finished(STUDENT, 0)
    assert project_run(client, home, plan, record.key) == "created"
    run = shown(client, "tricks")["distill seed 0"]
    assert run.info.status == "FINISHED"
    end_ms = 1000 * datetime.fromisoformat(FINISHED_AT).astimezone(UTC).timestamp()
    assert (run.info.start_time, run.info.end_time) == (end_ms - 12_500, end_ms)
    assert {name: value for name, value in run.data.tags.items() if name.startswith("ablate.")} == {
        "ablate.kind": "run",
        "ablate.study": "tricks",
        "ablate.arms": "distill",
        "ablate.seed": "0",
        "ablate.stage_hash": STUDENT.stage_hash,
        "ablate.stage": "main",
        "ablate.status": "finished",
    }
    assert run.data.params == {
        "optimizer.kind": "sgd",
        "optimizer.lr": "0.1",
        "strategies.distill.kind": "distill",
        "strategies.distill.temperature": "4",
    }
    assert {name: run.data.metrics[name] for name in record.metrics} == record.metrics
    # The record's 0.75 stands where the curve ended at 0.625: MLflow would show either as the run's value.
    assert history(client, run, "val/top1") == [(0, 0.25), (1, 0.5), (2, 0.75)]
    assert history(client, run, "train/distill") == [(0, 0.4), (1, 0.3), (2, 0.2)]
    assert history(client, run, "lr") == [(0, 0.1), (1, 0.075), (2, 0.05), (3, 0.025)]
    files = artifacts(client, run, tmp_path / "down")
    assert RunRecord.model_validate_json(files.pop("record.json")) == record
    folder = home.run_dir(record.key)
    assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(files) == 7


def test_a_failed_run_says_why_and_shows_what_it_left(home: Home) -> None:
    plan = study_plan()
    keep_study(home, plan)
    client = connect(home)
    assert project_run(client, home, plan, failed(TEACHER, 1).key) == "created"
    run = shown(client, "tricks")["teacher seed 1"]
    assert run.info.status == "FAILED"
    assert run.data.tags["ablate.status"] == "failed"
    assert run.data.tags["mlflow.note.content"] == "Diverged at step 7: the loss is no number"
    assert run.data.metrics == {}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        *("record.json", "spec.json", "curves.json", "log.txt")
    }


def test_projecting_again_changes_nothing_until_the_record_does(home: Home) -> None:
    plan = study_plan()
    store.write_plan(home, plan)
    client = connect(home)
    first = keep(home, failed(BARE, 0), BARE)
    assert project_run(client, home, plan, first.key) == "created"
    before = shown(client, "tricks")["bare seed 0"].info.run_id
    assert project_run(client, home, plan, first.key) == "unchanged"
    assert shown(client, "tricks")["bare seed 0"].info.run_id == before
    keep(home, finished(BARE, 0), BARE)
    assert project_run(client, home, plan, first.key) == "replaced"
    assert shown(client, "tricks")["bare seed 0"].info.status == "FINISHED"
    keep(home, finished(BARE, 0, top1=0.9, finished_at="2025-02-01T00:00:00+00:00"), BARE)
    assert project_run(client, home, plan, first.key) == "replaced"
    assert shown(client, "tricks")["bare seed 0"].data.metrics["val/top1"] == 0.9


def test_a_run_left_half_written_is_made_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study_plan()
    record = keep(home, finished(BARE, 0), BARE)
    client = connect(home)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(client, "log_artifact", killed)
        with pytest.raises(KeyboardInterrupt):
            project_run(client, home, plan, record.key)
    assert shown(client, "tricks")["bare seed 0"].info.status == "RUNNING"
    assert project_run(client, home, plan, record.key) == "replaced"
    assert shown(client, "tricks")["bare seed 0"].info.status == "FINISHED"


def test_an_error_leaves_no_half_run_behind(home: Home) -> None:
    plan = study_plan()
    record = keep(home, finished(BARE, 0), BARE)
    (home.run_dir(record.key) / "curves.json").write_text("{")
    client = connect(home)
    with pytest.raises(ValueError, match="Curves"):
        project_run(client, home, plan, record.key)
    assert shown(client, "tricks") == {}


def test_an_edited_grid_renames_its_runs(home: Home) -> None:
    plan = study_plan()
    record = keep(home, finished(BARE, 0), BARE)
    client = connect(home)
    project_run(client, home, plan, record.key)
    edited = plan.model_copy(update={"arms": (plan.arm("bare-too"), plan.arm("distill"))})
    assert project_run(client, home, edited, record.key) == "unchanged"
    assert shown(client, "tricks")["bare-too seed 0"].data.tags["ablate.arms"] == "bare-too"


def test_runs_outside_the_plan_or_without_a_record_are_refused(home: Home) -> None:
    client = connect(home)
    with pytest.raises(RecordError, match=r"run 0a-0 is not part of study 'tricks'"):
        project_run(client, home, study_plan(), "0a-0")
    with pytest.raises(RecordError, match="has no record in"):
        project_run(client, home, study_plan(), finished(BARE, 0).key)


def test_the_study_has_a_run_of_its_own(home: Home, tmp_path: Path) -> None:
    plan = study_plan(seeds=(0,))
    store.write_plan(home, plan)
    client = connect(home)
    project_study(client, home, plan, report=None)
    run = shown(client, "tricks")["study: tricks"]
    assert run.info.status == "RUNNING"
    assert run.data.tags["ablate.kind"] == "study"
    for stage in (BARE, TEACHER, STUDENT):
        keep(home, finished(stage, 0), stage)
    store.append_timing(home, timing(BARE, 0))
    store.append_timing(home, timing(planned_stage("main", "of another study"), 0))
    home.report("tricks").write_text("<p>größer</p>", encoding="utf-8")
    store.write_thumbnails(home, plan.data.fingerprint, {"id": np.array(["a/1.jpg"])})
    project_study(client, home, plan, home.report("tricks"))
    run = shown(client, "tricks")["study: tricks"]
    assert run.info.status == "FINISHED"
    files = artifacts(client, run, tmp_path / "down")
    assert StudyPlan.model_validate_json(files["plan.json"]) == plan
    assert files["timings.jsonl"].decode() == timing(BARE, 0).model_dump_json() + "\n"
    assert files["report.html"].decode() == "<p>größer</p>"
    assert [item.path for item in client.list_artifacts(run.info.run_id, "thumbnails")] == [
        f"thumbnails/{plan.data.fingerprint}.npz"
    ]


def test_a_lost_database_is_rebuilt_as_it_was(home: Home, tmp_path: Path) -> None:
    plan = study_plan()
    keep_study(home, plan)
    client = connect(home)
    for record in read_records(home).values():
        project_run(client, home, plan, record.key, record)
    project_study(client, home, plan, home.report("tricks"))
    before = everything(client, "tricks", tmp_path / "before")
    assert len(before) == 6
    home.mlflow_db.unlink()
    shutil.rmtree(home.mlflow_artifacts)
    sync_code = "from ablations.records.sync import sync; print(sync(home))"
    counts = SyncCounts(studies=1, created=5, replaced=0, unchanged=0, missing=1)
    assert in_a_new_process(sync_code, home) == f"{counts}\n", "counts and nothing else, at a database's first use too"
    # By another name, or MLflow would read on in the file that was deleted.
    after = everything(MlflowClient(f"sqlite:///{home.root}/./mlflow.db"), "tricks", tmp_path / "after")
    for study in (before["study: tricks"], after["study: tricks"]):
        study.pop("times")  # of its entry in MLflow: it had one before it had any record
    assert after == before


def test_syncing_twice_changes_nothing(home: Home) -> None:
    keep_study(home, study_plan())
    assert sync(home) == SyncCounts(studies=1, created=5, replaced=0, unchanged=0, missing=1)
    assert sync(home) == SyncCounts(studies=1, created=0, replaced=0, unchanged=5, missing=1)


def test_only_the_asked_studies_are_synced(home: Home) -> None:
    for name in ("one", "two"):
        store.write_plan(home, study_plan(name, seeds=(0,)))
    keep(home, finished(BARE, 0), BARE)
    assert sync(home, ["two"]) == SyncCounts(studies=1, created=1, replaced=0, unchanged=0, missing=2)
    assert connect(home).get_experiment_by_name("one") is None


def test_a_study_opens_as_model_training_in_mlflow(home: Home) -> None:
    store.write_plan(home, study_plan(seeds=(0,)))
    sync(home)
    experiment = connect(home).get_experiment_by_name("tricks")
    assert experiment is not None and experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_deleted_experiment_comes_back(home: Home) -> None:
    store.write_plan(home, study_plan(seeds=(0,)))
    keep(home, finished(BARE, 0), BARE)
    sync(home)
    client = connect(home)
    experiment = client.get_experiment_by_name("tricks")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    sync(home)
    assert set(shown(client, "tricks")) == {"study: tricks", "bare seed 0"}


def test_a_moved_home_says_what_to_delete(home: Home, tmp_path: Path) -> None:
    store.write_plan(home, study_plan(seeds=(0,)))
    sync(home)
    moved = Home(home.root.rename(tmp_path / "moved"))
    with pytest.raises(RecordError, match=r"the home was moved.*delete mlflow\.db.*ablate sync"):
        sync(moved)


def test_a_run_names_its_data_set_and_what_made_it(home: Home) -> None:
    stage = planned_stage("main", "seen", {"data": {"kind": "image_folder", "path": "photos/clothing-256"}})
    arm = study_plan().arms[0].model_copy(update={"stages": (stage,)})
    plan = study_plan().model_copy(update={"arms": (arm,)})
    written = result(finished(stage, 0), stage)
    store.write_run(home, written)
    store.append_record(home, written.record)
    client = connect(home)
    project_run(client, home, plan, written.record.key)
    (run,) = shown(client, "tricks").values()
    assert run.inputs is not None
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.source) == ("clothing-256", "photos/clothing-256")
    assert used.dataset.digest == written.record.data_fingerprint[:36] != ""
    assert run.data.tags["mlflow.source.name"] == "ablate run"


def test_long_values_and_odd_names_never_stop_a_run(home: Home) -> None:
    spec = {"classes": ["x" * 60] * 300, "note": "", "map": {"a/../b?": 1}, "many": {f"p{i:03}": i for i in range(150)}}
    stage = planned_stage("main", "odd", spec)
    arms = tuple(
        study_plan().arms[0].model_copy(update={"name": f"arm-{index:04}-{'y' * 40}", "stages": (stage,)})
        for index in range(250)
    )
    plan = study_plan().model_copy(update={"arms": arms})
    written = result(finished(stage, 0), stage)
    steps = tuple(range(1200))
    curves = written.curves.model_copy(update={"lr_step": steps, "lr": tuple(1.0 / (1 + step) for step in steps)})
    store.write_run(home, replace(written, curves=curves))
    store.append_record(home, written.record)
    client = connect(home)
    assert project_run(client, home, plan, written.record.key) == "created"
    (run,) = shown(client, "tricks").values()
    assert run.data.params["classes"] == json.dumps(spec["classes"], separators=(",", ":"))[:499] + "…"
    assert run.data.params["map.a_.._b_"] == "1"
    assert {run.data.params[f"many.p{i:03}"] for i in range(150)} == {str(i) for i in range(150)}
    assert len(run.data.params) == 153
    assert len(run.data.tags["ablate.arms"]) == 8000
    assert run.data.tags["ablate.arms"].endswith("…")
    assert run.data.metrics["lr"] == 1 / 1200
    assert project_run(client, home, plan, written.record.key) == "unchanged"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"a": {"b": 0.1, "c": None}}, {"a.b": "0.1", "a.c": "null"}),
        ({"a": True, "b": "text", "c": 1e-5}, {"a": "true", "b": "text", "c": "1e-05"}),
        ({"mean": [0.5, 0.25], "none": {}, "empty": []}, {"mean": "[0.5,0.25]", "none": "{}", "empty": "[]"}),
        ({"s": [{"kind": "a", "n": 1}, {"x": 2}, 3]}, {"s.a.kind": "a", "s.a.n": "1", "s.1.x": "2", "s.2": "3"}),
        ({"s": [{"kind": "custom", "target": "a:B"}]}, {"s.a:B.kind": "custom", "s.a:B.target": "a:B"}),
    ],
)  # fmt: skip
def test_specs_become_dotted_names(spec: dict[str, Any], expected: dict[str, str]) -> None:
    assert dict(flatten(spec)) == expected


def test_limits_are_not_above_those_of_the_installed_mlflow() -> None:
    from mlflow.utils import validation

    assert mlflow_projection.MAX_PARAM_CHARS <= validation.MAX_PARAM_VAL_LENGTH
    assert mlflow_projection.MAX_TAG_CHARS <= validation.MAX_TAG_VAL_LENGTH
    assert mlflow_projection.MAX_KEY_CHARS <= validation.MAX_ENTITY_KEY_LENGTH
    assert mlflow_projection.MAX_DATASET_CHARS <= validation.MAX_DATASET_NAME_SIZE
    assert mlflow_projection.MAX_DIGEST_CHARS <= validation.MAX_DATASET_DIGEST_SIZE
    assert mlflow_projection.MAX_PARAMS_PER_BATCH <= validation.MAX_PARAMS_TAGS_PER_BATCH
    assert mlflow_projection.MAX_METRICS_PER_BATCH <= validation.MAX_METRICS_PER_BATCH
