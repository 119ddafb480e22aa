"""The home: the one folder that holds everything studies leave behind, and where each thing lies in it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ablations.records.layout import check_layout
from pipeline.spec.errors import SpecError

HOME_VARIABLE = "ABLATE_HOME"
DEFAULT_HOME = "ablate-home"

# Ray sets this, and only this, for the entrypoint of a submitted job and for what the entrypoint starts
# (ray 2.60, dashboard/modules/job/job_supervisor.py, _get_driver_env_vars). RAY_ADDRESS is set there too, but
# people also set it by hand on their laptop.
RAY_JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below an absolute `root`, laid out as pipeline/spec/records.py says. Nothing is created by asking."""

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_absolute():
            raise SpecError(f"home {str(self.root)!r} is relative; every process of a run needs the same absolute path")

    @classmethod
    def resolve(cls, option: str | Path | None = None) -> "Home":
        """The home to use: the `--home` option, else $ABLATE_HOME, else ./ablate-home.

        Raises:
            SpecError: when it is a file, cannot be written, or would be lost with a cluster job.
            RecordError: another version of ablate laid it out.
        """
        variable = os.environ.get(HOME_VARIABLE) or None
        asked = option or variable
        source = "--home" if option else f"${HOME_VARIABLE}"
        in_job = RAY_JOB_VARIABLE in os.environ
        if asked is None:
            if in_job:
                raise SpecError(
                    "this is a Ray job and no home was given: its working directory is temporary, so records kept in "
                    f"./{DEFAULT_HOME} would be lost with it. Pass --home /an/absolute/path, or set {HOME_VARIABLE}."
                )
            asked, source = DEFAULT_HOME, "the default home"
        path = Path(asked).expanduser()
        if in_job and not path.is_absolute():
            raise SpecError(
                f"{source} is {str(asked)!r}, relative to the working directory of a Ray job, which is temporary: "
                "records kept there would be lost. Give an absolute path."
            )
        path = path.resolve()
        _check_writable(path, source)
        check_layout(path)
        return cls(path)

    @property
    def records(self) -> Path:
        """One RunRecord a line: the source of truth."""
        return self.root / "records.jsonl"

    @property
    def timings(self) -> Path:
        """One TimingRecord a line."""
        return self.root / "timings.jsonl"

    @property
    def final_scores(self) -> Path:
        """One FinalScore a line."""
        return self.root / "final_scores.jsonl"

    @property
    def runs(self) -> Path:
        """Parent of the run folders."""
        return self.root / "runs"

    @property
    def studies(self) -> Path:
        """Parent of the study folders."""
        return self.root / "studies"

    @property
    def cache(self) -> Path:
        """Prepared images and fetched weights; can be deleted at any time."""
        return self.root / "cache"

    @property
    def weights(self) -> Path:
        """Weights from outside that runs start from, each named by its sha256."""
        return self.cache / "weights"

    @property
    def mlflow_db(self) -> Path:
        """MLflow's own database; can be rebuilt from the records."""
        return self.root / "mlflow.db"

    @property
    def mlflow_uri(self) -> str:
        """Tracking URI of that database."""
        return f"sqlite:///{self.mlflow_db}"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's copies of the run files; can be rebuilt."""
        return self.root / "mlartifacts"

    @property
    def thumbnails_dir(self) -> Path:
        """Parent of the files of small pictures."""
        return self.root / "thumbnails"

    def thumbnails(self, fingerprint: str) -> Path:
        """Small pictures of the validation images of the data with this fingerprint."""
        return self.thumbnails_dir / f"{slug(fingerprint, 'data fingerprint')}.npz"

    def run_dir(self, key: str) -> Path:
        """Folder of the run with this key."""
        return self.runs / slug(key, "run key")

    def study_dir(self, study: str) -> Path:
        """Folder of the study with this name."""
        return self.studies / slug(study, "study name")

    def plan(self, study: str) -> Path:
        """The study's plan."""
        return self.study_dir(study) / "plan.json"

    def plans(self, study: str) -> Path:
        """One PlanEntry a line: the plans that the study was run with, in their order."""
        return self.study_dir(study) / "plans.jsonl"

    def report(self, study: str) -> Path:
        """The study's report."""
        return self.study_dir(study) / "report.html"

    def checkpoint(self, key: str) -> Path:
        """The last checkpoint of a run in progress."""
        return self.root / "stages" / slug(key, "run key") / "last.pt"


def slug(name: str, what: str) -> str:
    """The name, if it can be that of a folder on any file system.

    Raises:
        SpecError: when it could leave its parent folder or would need quoting.
    """
    if not _SLUG.fullmatch(name) or ".." in name:
        raise SpecError(
            f"{what} {name!r} cannot name a folder: use 1 to 100 letters, digits, '-', '_' and single '.', "
            "starting with a letter or digit"
        )
    return name


def _check_writable(path: Path, source: str) -> None:
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise SpecError(f"home {path} (from {source}): {existing} is a file, a folder was expected; choose another")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SpecError(
            f"home {path} (from {source}): {existing} cannot be written by this user; choose another with --home"
        )
