"""Read one study back from MLflow alone: the projection that `ablate sync` rebuilds is enough to report on."""

import os
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.spec.errors import RecordError
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import TAG_HASH, TAG_KIND, TAG_SEED, TimingRecord, run_key
from reports.records.load import (
    RunId,
    StudyData,
    nearest_text,
    parse_lines,
    parse_plan,
    parse_record,
    pick_records,
    pick_timings,
)
from reports.records.mlflow_places import MlflowPlaces, without_password

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class MlflowFiles:
    """Runs as MLflow runs, each file fetched when it is first asked for."""

    client: "MlflowClient"
    run_ids: dict[RunId, str]
    folder: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="ablate-"))

    def read(self, run: RunId, name: str) -> bytes | None:
        """One file of a run, or None where the run left none."""
        return self.fetch(self.run_ids[run], name) if run in self.run_ids else None

    def fetch(self, run_id: str, name: str) -> bytes | None:
        """One artifact of an MLflow run, by its path there, or None."""
        cached = Path(self.folder.name) / run_id / name
        if not cached.is_file():
            if name not in {item.path for item in self.client.list_artifacts(run_id, name.rpartition("/")[0] or None)}:
                return None
            cached.parent.mkdir(parents=True, exist_ok=True)
            # Some stores keep the folders of a path in what they download, others only the file's own name.
            Path(self.client.download_artifacts(run_id, name, str(cached.parent))).replace(cached)
        return cached.read_bytes()


def load_study_from_mlflow(tracking_uri: str, study: str) -> StudyData:
    """Read a study from a tracking server, without its home.

    Raises:
        RecordError: the study is not there, or a record cannot be read.
    """
    database = Path(tracking_uri.removeprefix("sqlite:///"))
    if tracking_uri.startswith("sqlite:///") and not database.is_file():  # MLflow would make an empty one there
        raise RecordError(f"{tracking_uri}: there is no file {database}. A home's own database is HOME/mlflow.db.")
    # MLflow would try a server that is gone for minutes; whoever waits at a terminal wants to know.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient  # seconds to import: only who reads from MLflow pays
    from mlflow.exceptions import MlflowException

    try:
        return _load(MlflowClient(tracking_uri), tracking_uri, study)
    except MlflowException as error:
        raise RecordError(
            f"{tracking_uri}: MLflow did not give study {study!r} ({error}). Check the tracking URI and that the "
            "server is up; where the study's home is, ablate report needs no MLflow"
        ) from error


def _load(client: "MlflowClient", tracking_uri: str, study: str) -> StudyData:
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        known = sorted(found.name for found in client.search_experiments())
        raise RecordError(
            f"{tracking_uri}: no experiment {study!r}{nearest_text(study, known)}; the experiments there are "
            f"{', '.join(known) or 'none'}. "
            "Check the tracking URI, or run `ablate sync` where the study's home is."
        )
    runs = all_runs(client, experiment.experiment_id)
    run_ids = _run_ids(runs)
    places = places_of(tracking_uri, experiment.experiment_id, runs)
    files = MlflowFiles(client, run_ids)
    summary = places.study_run_id
    content = None if summary is None else files.fetch(summary, "plan.json")
    if summary is None or content is None:
        raise RecordError(
            f"{tracking_uri}: experiment {study!r} has no run tagged {TAG_KIND}=study with plan.json, so nobody knows "
            "what was planned; run `ablate sync` where the study's home is"
        )
    plan = parse_plan(content.decode(), f"plan.json of experiment {study!r}")
    timings = parse_lines(TimingRecord, (files.fetch(summary, "timings.jsonl") or b"").decode(), "timings.jsonl")
    records = [
        parse_record(found.decode(), f"record.json of MLflow run {run_id}")
        for run_id in run_ids.values()
        if (found := files.fetch(run_id, "record.json")) is not None
    ]
    plans = parse_lines(PlanEntry, (files.fetch(summary, "plans.jsonl") or b"").decode(), "plans.jsonl")
    return StudyData(
        plan,
        pick_records(plan, records),
        pick_timings(plan, timings.items),
        files,
        timings.warnings + plans.warnings,
        plans=tuple(plans.items),
        mlflow=places,
        read_thumbnails=partial(files.fetch, summary, f"thumbnails/{plan.data.fingerprint}.npz"),
        conditions={
            one.study: _load(client, tracking_uri, one.study)
            for one in plan.conditions
            if client.get_experiment_by_name(one.study) is not None
        },
    )


def places_of(tracking_uri: str, experiment_id: str, runs: list[Any]) -> MlflowPlaces:
    """Where MLflow shows what `all_runs` found."""
    return MlflowPlaces(
        tracking_uri=without_password(tracking_uri),
        experiment_id=experiment_id,
        study_run_id=next((run.info.run_id for run in runs if run.data.tags.get(TAG_KIND) == "study"), None),
        run_ids={run_key(*run): run_id for run, run_id in _run_ids(runs).items()},
    )


def _run_ids(runs: list[Any]) -> dict[RunId, str]:
    return {
        (run.data.tags[TAG_HASH], int(run.data.tags[TAG_SEED])): run.info.run_id
        for run in reversed(runs)  # newest first from the server; so the newest of two wins here
        if run.data.tags.get(TAG_KIND) == "run"
    }


def all_runs(client: "MlflowClient", experiment_id: str) -> list[Any]:
    """Every run of an experiment, the newest first."""
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=500, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs
