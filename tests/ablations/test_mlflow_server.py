import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations.commands.finish import mlflow_text
from ablations.records.home import Home
from ablations.records.mlflow_projection import connect
from ablations.records.sync import SyncCounts, sync
from reports.records.mlflow_places import read_places
from tests.ablations.kept_results import keep_study, study_plan
from tests.ablations.mlflow_reader import everything


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real tracking server that passes artifacts through, on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files")),
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not healthy(address):
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: the web workers go with it
        process.wait()


def healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.mark.slow
def test_a_server_shows_what_the_local_database_shows(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "home")
    keep_study(home, study_plan())
    assert sync(home).created == 5
    local = everything(connect(home), "tricks", tmp_path / "local")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert sync(home) == SyncCounts(studies=1, created=5, replaced=0, unchanged=0, missing=1)
    assert capsys.readouterr().out == "", "`ablate sync --json` prints its own answer only"
    client = connect(home)
    experiment = client.get_experiment_by_name("tricks")
    assert experiment is not None
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    assert everything(client, "tricks", tmp_path / "served") == local
    assert sync(home).unchanged == 5
    places = read_places(home.study_dir("tricks"))
    assert places is not None
    for run_id in places.run_ids.values():
        assert client.get_run(run_id).info.experiment_id == places.experiment_id
    assert mlflow_text(home, "tricks").startswith(f"{server}/#/experiments/{experiment.experiment_id}/runs/")
