"""What MLflow shows of a home. Always derivable from records, run folders and plans: `ablate sync` does it again.

An experiment is a study. In it, one run of kind "study" holds plan, timings and report, and each unique (stage, seed)
is one flat run. Files at a run's artifact root: record.json, and those of RUN_FILES that the run left behind.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ablations.records.home import Home
from ablations.records.store import read_plan_entries, read_records, read_timings
from ablations.records.study_runs import StudyRun, study_runs
from pipeline.spec import records as names
from pipeline.spec.base import canonical_json
from pipeline.spec.errors import RecordError, ResourceError
from pipeline.spec.records import Curves, RunRecord
from pipeline.spec.study import StudyPlan

if TYPE_CHECKING:  # importing mlflow takes seconds: `connect` does it when it is needed
    from mlflow.entities import Dataset, Metric, Run
    from mlflow.tracking import MlflowClient

RUN_FILES = (
    *("spec.json", "curves.json", "predictions.npz", "explain.npz", "log.txt"),
    *("batches.webp", "batches.json", "batches.png"),
)

# Limits of mlflow/utils/validation.py (3.17). Parameter values may have 6,000 characters there, but servers before
# MLflow 2 refuse more than 500, and more is not readable in a table; spec.json has the whole value.
MAX_PARAM_CHARS = 500
MAX_TAG_CHARS = 8000
MAX_KEY_CHARS = 250
MAX_DATASET_CHARS = 500
MAX_DIGEST_CHARS = 36
MAX_PARAMS_PER_BATCH = 100
MAX_METRICS_PER_BATCH = 1000
_NOTE_TAG = "mlflow.note.content"  # what MLflow's pages show as the description
_SOURCE_TAGS = {"mlflow.source.name": "ablate run", "mlflow.source.type": "LOCAL"}
_KIND_TAG = {"mlflow.experimentKind": "custom_model_development"}  # else they open as for a chat application

Projected = Literal["created", "replaced", "unchanged"]


def tracking_uri(home: Home) -> str:
    """Where runs are projected to: $MLFLOW_TRACKING_URI, else the home's own database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or home.mlflow_uri


def connect(home: Home) -> "MlflowClient":
    """A client of the home's tracking store. Imports mlflow, which takes seconds.

    Raises:
        ResourceError: the home's own database is damaged, or of another version of MLflow.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine unasked
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a run, amid --json
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    for noisy in ("alembic", "mlflow"):  # dozens of lines about creating tables at the first use of a database
        logging.getLogger(noisy).setLevel(logging.WARNING)
    uri = tracking_uri(home)
    if uri != home.mlflow_uri:
        return MlflowClient(tracking_uri=uri)
    home.root.mkdir(parents=True, exist_ok=True)
    try:
        return MlflowClient(tracking_uri=uri)
    except (MlflowException, SQLAlchemyError) as error:
        raise ResourceError(
            f"{home.mlflow_db} cannot be used by this version of MLflow ({str(error).splitlines()[0]}). It only shows "
            f"what the records say: move it and {home.mlflow_artifacts.name} away, and `ablate sync` makes both anew"
        ) from error


def project_run(
    client: "MlflowClient", home: Home, plan: StudyPlan, key: str, record: RunRecord | None = None
) -> Projected:
    """Make MLflow show the run as its record says; nothing is duplicated when it already does.

    Args:
        client: from `connect`.
        home: where the record and its files are.
        plan: a study that needs the run.
        key: the run's key.
        record: the run's record, if the caller has it; else it is looked up.

    Raises:
        RecordError: when the run is not part of the plan or has no record.
    """
    among = study_runs(plan, None if record is None else record.seed)
    run = next((run for run in among if run.key == key), None)
    if run is None:
        raise RecordError(f"run {key} is not part of study {plan.study!r}; was the plan replaced since it started?")
    record = record or read_records(home).get((run.stage_hash, run.seed))
    if record is None:
        raise RecordError(f"run {key} of study {plan.study!r} has no record in {home.records}")
    experiment = _experiment(client, home, plan)
    shown = _search(client, experiment, {names.TAG_HASH: run.stage_hash, names.TAG_SEED: str(run.seed)})
    current = next((one for one in shown if _shows(one, record)), None)
    if current is None:
        _create_run(client, home, experiment, plan, run, record)
    else:
        _rename(client, current, run)
    for stale in shown:
        if stale is not current:
            client.delete_run(stale.info.run_id)
    if current is not None:
        return "unchanged"
    return "replaced" if shown else "created"


def project_study(client: "MlflowClient", home: Home, plan: StudyPlan, report: Path | None) -> None:
    """Bring the study's own run up to date: plans, timings, report, and whether all planned runs have a record."""
    experiment = _experiment(client, home, plan)
    known = _search(client, experiment, {names.TAG_KIND: "study"})
    run_ids = {run.key for run in study_runs(plan)}
    records = [record for record in read_records(home).values() if record.key in run_ids]
    if known:
        run_id = known[0].info.run_id
    else:
        tags = {names.TAG_KIND: "study", names.TAG_STUDY: plan.study} | _note(plan.question)
        start_ms = min((_start_ms(record) for record in records), default=None)
        run_id = client.create_run(experiment, start_ms, tags, f"study: {plan.study}").info.run_id
    client.log_text(run_id, plan.model_dump_json(indent=2), "plan.json")
    hashes = {run.stage_hash for run in study_runs(plan)}
    timings = [timing.model_dump_json() for timing in read_timings(home) if timing.stage_hash in hashes]
    client.log_text(run_id, "".join(f"{line}\n" for line in timings), "timings.jsonl")
    entries = "".join(f"{entry.model_dump_json()}\n" for entry in read_plan_entries(home, plan.study))
    if entries:
        client.log_text(run_id, entries, "plans.jsonl")
    thumbnails = home.thumbnails(plan.data.fingerprint)
    if thumbnails.is_file():
        client.log_artifact(run_id, str(thumbnails), "thumbnails")
    if report is not None:
        client.log_artifact(run_id, str(report))
    if len(records) == len(run_ids):
        client.set_terminated(run_id, "FINISHED", max(_end_ms(record) for record in records))
    else:
        client.update_run(run_id, "RUNNING")


def flatten(spec: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and value of every leaf; an element of a list of kinds goes by its kind: strategies.mixup.alpha."""
    if isinstance(spec, dict) and spec:
        for name, value in spec.items():
            yield from flatten(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(spec, list | tuple) and any(isinstance(value, dict | list) for value in spec):
        for index, value in enumerate(spec):
            kind = value.get("kind", index) if isinstance(value, dict) else index
            name = value["target"] if kind == "custom" else kind  # several of one's own may stand side by side
            yield from flatten(value, f"{prefix}.{name}")
    else:
        yield prefix, spec if isinstance(spec, str) else canonical_json(spec)


def _create_run(
    client: "MlflowClient", home: Home, experiment: str, plan: StudyPlan, run: StudyRun, record: RunRecord
) -> None:
    tags = _SOURCE_TAGS | {
        names.TAG_KIND: "run",
        names.TAG_STUDY: plan.study,
        names.TAG_ARMS: _cut(",".join(run.arms), MAX_TAG_CHARS),
        names.TAG_SEED: str(run.seed),
        names.TAG_HASH: run.stage_hash,
        names.TAG_STAGE: run.stage,
        names.TAG_STATUS: record.status.value,
    }
    if record.failure is not None:
        at_step = "" if record.failure.step is None else f" at step {record.failure.step}"
        tags |= _note(f"{record.failure.type}{at_step}: {record.failure.message}")
    run_id = client.create_run(experiment, _start_ms(record), tags, run.name).info.run_id
    try:
        _fill_run(client, run_id, run, record, home.run_dir(record.key))
    except Exception:
        with suppress(Exception):  # of the two, the first error is the one to report
            client.delete_run(run_id)
        raise


def _fill_run(client: "MlflowClient", run_id: str, run: StudyRun, record: RunRecord, folder: Path) -> None:
    from mlflow.entities import DatasetInput, Param

    params = [Param(_param_key(name), _cut(value, MAX_PARAM_CHARS)) for name, value in flatten(run.spec)]
    for at in range(0, len(params), MAX_PARAMS_PER_BATCH):
        client.log_batch(run_id, params=params[at : at + MAX_PARAMS_PER_BATCH])
    if data := run.spec.get("data"):
        client.log_inputs(run_id, [DatasetInput(_dataset(data, record))])
    metrics = list(_metrics(record, _read_curves(folder / "curves.json")))
    for at in range(0, len(metrics), MAX_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[at : at + MAX_METRICS_PER_BATCH])
    client.log_text(run_id, record.model_dump_json(indent=2), "record.json")
    for name in RUN_FILES:
        if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))
    # Last, and never before: a run that is not terminated was left half written and is made again (_shows).
    client.set_terminated(run_id, record.status.value.upper(), _end_ms(record))


def _dataset(data: dict[str, Any], record: RunRecord) -> "Dataset":
    """What MLflow's tables show and filter by as the data set of a run: its last folder, and the hash of its bytes."""
    from mlflow.entities import Dataset

    source = str(data.get("path") or data["kind"])
    name = _cut(Path(source).name or data["kind"], MAX_DATASET_CHARS)
    return Dataset(name, record.data_fingerprint[:MAX_DIGEST_CHARS], data["kind"], _cut(source, MAX_DATASET_CHARS))


def _metrics(record: RunRecord, curves: Curves) -> Iterator["Metric"]:
    """Curves by epoch, the learning rate by step, and the record's values as the last epoch's.

    A final value may differ from its curve's last one (averaged weights, a calibrated head). MLflow shows the value of
    the highest step as the run's, so the final one takes the curve's place there.
    """
    from mlflow.entities import Metric

    start_ms, end_ms = _start_ms(record), _end_ms(record)
    last_epoch = max(curves.epoch, default=0)
    for name, values in curves.series.items():
        for epoch, elapsed_s, value in zip(curves.epoch, curves.elapsed_s, values, strict=True):
            if epoch < last_epoch or name not in record.metrics:
                yield Metric(name, value, start_ms + round(1000 * elapsed_s), epoch)
    for step, rate in zip(curves.lr_step, curves.lr, strict=True):
        yield Metric("lr", rate, end_ms, step)
    for name, value in record.metrics.items():
        yield Metric(name, value, end_ms, last_epoch)


def _read_curves(path: Path) -> Curves:
    return Curves.model_validate_json(path.read_bytes()) if path.is_file() else Curves()


def _experiment(client: "MlflowClient", home: Home, plan: StudyPlan) -> str:
    from mlflow.entities import LifecycleStage

    # A server has its own artifact root and passes files through; a database has none but the working directory.
    served = client.tracking_uri.startswith(("http://", "https://", "databricks"))
    location = None if served else (home.mlflow_artifacts / plan.study).as_uri()
    known = client.get_experiment_by_name(plan.study)
    if known is None:
        return client.create_experiment(plan.study, location, _KIND_TAG | _note(plan.question))
    if known.lifecycle_stage == LifecycleStage.DELETED:  # its name stays taken until it is restored
        client.restore_experiment(known.experiment_id)
    if client.tracking_uri == home.mlflow_uri and known.artifact_location != location:
        raise RecordError(
            f"{home.mlflow_db} keeps the files of study {plan.study!r} in {known.artifact_location}, not in "
            f"{location}: the home was moved. No record is lost: delete mlflow.db and mlartifacts, run `ablate sync`."
        )
    return known.experiment_id


def _search(client: "MlflowClient", experiment: str, tags: dict[str, str]) -> list["Run"]:
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    return list(client.search_runs([experiment], wanted, order_by=["attributes.start_time ASC"]))


def _shows(run: "Run", record: RunRecord) -> bool:
    """Whether this MLflow run is of this very record: a later attempt ended at another time."""
    return run.info.status == record.status.value.upper() and run.info.end_time == _end_ms(record)


def _rename(client: "MlflowClient", shown: "Run", run: StudyRun) -> None:
    """An edited grid may have other arms, or other names for them, answered for by the same run."""
    arms = _cut(",".join(run.arms), MAX_TAG_CHARS)
    if shown.data.tags.get(names.TAG_ARMS) != arms:
        client.set_tag(shown.info.run_id, names.TAG_ARMS, arms)
    if shown.info.run_name != run.name:
        client.update_run(shown.info.run_id, name=run.name)


def _end_ms(record: RunRecord) -> int:
    return round(1000 * datetime.fromisoformat(record.finished_at).timestamp())


def _start_ms(record: RunRecord) -> int:
    return _end_ms(record) - (round(1000 * record.cost.busy_s) if record.cost else 0)


def _note(text: str) -> dict[str, str]:
    return {_NOTE_TAG: _cut(text, MAX_TAG_CHARS)} if text else {}


def _param_key(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", name)[:MAX_KEY_CHARS]


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
