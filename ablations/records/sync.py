"""`ablate sync`: make MLflow show everything in the home again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.records.home import Home
from ablations.records.mlflow_places import keep_places
from ablations.records.mlflow_projection import connect, project_run, project_study, tracking_uri
from ablations.records.store import list_studies, read_plan, read_records
from ablations.records.study_runs import study_runs
from pipeline.spec.errors import ResourceError
from pipeline.spec.study import StudyPlan

if TYPE_CHECKING:  # importing mlflow takes seconds
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """What `sync` did."""

    studies: int
    created: int
    replaced: int
    unchanged: int
    missing: int  # planned runs without a record

    def __str__(self) -> str:
        return (
            f"{self.studies} stud{'y' if self.studies == 1 else 'ies'}; {self.created} runs added, {self.replaced} "
            f"replaced, {self.unchanged} shown already, {self.missing} planned but without a record"
        )


def sync(home: Home, studies: Iterable[str] | None = None) -> SyncCounts:
    """Project everything in the home again, or only these studies: rebuilds a lost mlflow.db, heals a gap.

    Raises:
        RecordError: a study is not in the home, or a record cannot be read.
        ResourceError: MLflow refuses, or does not answer.
    """
    # Before MLflow is asked: a mistyped study or an empty home must leave no database behind.
    plans = [read_plan(home, study) for study in (studies if studies is not None else list_studies(home))]
    if not plans:
        return SyncCounts(0, 0, 0, 0, 0)
    from mlflow.exceptions import MlflowException

    try:
        return _sync(connect(home), home, plans)
    except MlflowException as error:
        raise ResourceError(
            f"{tracking_uri(home)}: MLflow did not take the runs ({error}). Check the address (MLFLOW_TRACKING_URI) "
            "and that the server is up; the records are safe in the home, and ablate sync may be repeated"
        ) from error


def _sync(client: "MlflowClient", home: Home, plans: list[StudyPlan]) -> SyncCounts:
    records = read_records(home)
    outcomes = {"created": 0, "replaced": 0, "unchanged": 0, "missing": 0}
    for plan in plans:
        report = home.report(plan.study)
        project_study(client, home, plan, report if report.is_file() else None)
        for run in study_runs(plan):
            record = records.get((run.stage_hash, run.seed))
            outcomes["missing" if record is None else project_run(client, home, plan, run.key, record)] += 1
        keep_places(client, home, plan)
    return SyncCounts(studies=len(plans), **outcomes)
