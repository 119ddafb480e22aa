"""Where MLflow shows a study and its runs: what a report links to. Made from MLflow, so it can always be made again."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from pipeline.spec.base import Frozen

FILE_NAME = "mlflow.json"  # in the study's folder


class MlflowPlaces(Frozen):
    """A study's experiment and the ids of its MLflow runs."""

    tracking_uri: str
    experiment_id: str
    study_run_id: str | None
    run_ids: dict[str, str]  # run key -> id

    @property
    def served(self) -> bool:
        """Whether a browser reaches it by its tracking URI."""
        return self.tracking_uri.startswith(("http://", "https://"))

    def run_url(self, key: str) -> str | None:
        """The page of a run; None where no server shows it or MLflow does not have it."""
        run_id = self.run_ids.get(key)
        return self._page(run_id) if self.served and run_id else None

    @property
    def report_url(self) -> str | None:
        """The page of the study's report; None where no server shows it."""
        return f"{self._page(self.study_run_id)}/artifacts/report.html" if self.served and self.study_run_id else None

    @property
    def command(self) -> str:
        """What to type to see a database that no server shows."""
        return f"mlflow ui --backend-store-uri {self.tracking_uri}"

    def _page(self, run_id: str) -> str:
        # The routes of MLflow's pages: mlflow/server/js (3.17), /experiments/:experimentId/runs/:runUuid/*
        return f"{self.tracking_uri.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{run_id}"


def without_password(uri: str) -> str:
    """A URI that may be shown: user and password are for whoever set MLFLOW_TRACKING_URI, not for readers."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def read_places(study_dir: Path) -> MlflowPlaces | None:
    """What was last known; None where nothing is, or it cannot be read: a report needs no links."""
    path = study_dir / FILE_NAME
    try:
        return MlflowPlaces.model_validate_json(path.read_bytes()) if path.is_file() else None
    except ValidationError:
        return None
