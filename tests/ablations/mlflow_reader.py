"""What a person or a program can read of a study in MLflow."""

import os
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def shown(client: MlflowClient, study: str) -> dict[str, Run]:
    experiment = client.get_experiment_by_name(study)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    by_name = {str(run.info.run_name): run for run in runs}
    assert len(by_name) == len(runs), "a run is shown twice"
    return by_name


def history(client: MlflowClient, run: Run, metric: str) -> list[tuple[int, float]]:
    return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric))


def artifacts(client: MlflowClient, run: Run, to: Path) -> dict[str, bytes]:
    names = [file.path for file in client.list_artifacts(run.info.run_id) if not file.is_dir]
    folder = to / run.info.run_id
    folder.mkdir(parents=True)
    return {name: Path(client.download_artifacts(run.info.run_id, name, str(folder))).read_bytes() for name in names}


def everything(client: MlflowClient, study: str, to: Path) -> dict[str, Any]:
    """All that a person or a program can read of a study in MLflow, without MLflow's own ids."""
    return {
        name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "tags": run.data.tags,
            "params": run.data.params,
            "metrics": {metric: history(client, run, metric) for metric in run.data.metrics},
            "artifacts": artifacts(client, run, to),
        }
        for name, run in shown(client, study).items()
    }
