"""Where MLflow shows a study: asked once by the writer, kept beside the plan, read by reports."""

from pathlib import Path

import pytest

from ablations.commands.finish import mlflow_text
from ablations.records.home import Home
from ablations.records.mlflow_projection import connect
from ablations.records.recorder import Recorder
from ablations.records.sync import sync
from reports.records.load import load_study
from reports.records.load_mlflow import load_study_from_mlflow
from reports.records.mlflow_places import read_places, without_password
from tests.ablations.kept_results import BARE, STUDENT, TEACHER, finished, keep_study, result, study_plan
from tests.ablations.mlflow_reader import shown


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_recorder_keeps_the_ids_that_mlflow_gave(home: Home) -> None:
    plan = study_plan(seeds=(0,))
    recorder = Recorder(home)
    recorder.start(plan.model_dump_json())
    for stage in (BARE, TEACHER, STUDENT):
        recorder.write(result(finished(stage, 0), stage))
    recorder.locate()
    assert recorder.flush().unprojected == 0
    places = load_study(home.root, "tricks").mlflow
    assert places is not None
    by_name = {name: run.info.run_id for name, run in shown(connect(home), "tricks").items()}
    assert places.study_run_id == by_name["study: tricks"]
    assert places.run_ids == {
        finished(BARE, 0).key: by_name["bare seed 0"],
        finished(TEACHER, 0).key: by_name["teacher seed 0"],
        finished(STUDENT, 0).key: by_name["distill seed 0"],
    }
    assert places.run_url(finished(BARE, 0).key) is None, "a database has no pages"
    assert mlflow_text(home, "tricks").startswith(f"mlflow ui --backend-store-uri {home.mlflow_uri} ")


def test_sync_renews_them_and_mlflow_alone_gives_the_same(home: Home) -> None:
    keep_study(home, study_plan())
    assert read_places(home.study_dir("tricks")) is None
    assert mlflow_text(home, "tricks") == f"mlflow ui --backend-store-uri {home.mlflow_uri}"
    sync(home)
    places = read_places(home.study_dir("tricks"))
    assert places is not None
    assert len(places.run_ids) == 5
    assert load_study_from_mlflow(home.mlflow_uri, "tricks").mlflow == places


def test_an_address_is_that_of_the_server_in_use(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_study(home, study_plan())
    sync(home)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example:5000")
    assert mlflow_text(home, "tricks") == "https://mlflow.example:5000", "what is known is of the database"


@pytest.mark.parametrize(
    ("uri", "shown_uri"),
    [
        ("https://me:secret@mlflow.example:5000/a", "https://mlflow.example:5000/a"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("databricks", "databricks"),
    ],
)
def test_a_password_is_never_written_down(uri: str, shown_uri: str) -> None:
    assert without_password(uri) == shown_uri


def test_a_file_that_cannot_be_read_costs_the_links_only(home: Home) -> None:
    keep_study(home, study_plan())
    (home.study_dir("tricks") / "mlflow.json").write_text('{"half": ')
    assert load_study(home.root, "tricks").mlflow is None
