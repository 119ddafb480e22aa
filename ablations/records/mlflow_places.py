"""Asks MLflow where it shows a study, and keeps the answer beside the plan for reports to link to."""

from typing import TYPE_CHECKING

from ablations.records.home import Home
from ablations.records.store import write_atomic
from pipeline.spec.errors import RecordError
from pipeline.spec.study import StudyPlan
from reports.records.load_mlflow import all_runs, places_of
from reports.records.mlflow_places import FILE_NAME, MlflowPlaces

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def keep_places(client: "MlflowClient", home: Home, plan: StudyPlan) -> MlflowPlaces:
    """Look up the ids of the study's runs and write them into its folder.

    Raises:
        RecordError: MLflow does not have the study.
    """
    experiment = client.get_experiment_by_name(plan.study)
    if experiment is None:
        raise RecordError(f"{client.tracking_uri}: no experiment {plan.study!r}")
    places = places_of(client.tracking_uri, experiment.experiment_id, all_runs(client, experiment.experiment_id))
    write_atomic(home.study_dir(plan.study) / FILE_NAME, places.model_dump_json(indent=2).encode())
    return places
