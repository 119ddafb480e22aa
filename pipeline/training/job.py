"""One stage with one seed, as it is handed to the workers of a lane."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.spec.records import Curves, Environment, Failure, RunRecord, Status, run_key


@dataclass(frozen=True, slots=True)
class StageJob:
    """What to train, who it is, and where its files go."""

    spec: StageSpec
    stage_hash: str
    seed: int
    data_key: str
    ancestors: dict[str, str]  # name of an earlier stage -> its run key
    runs_dir: Path
    checkpoint: Path
    checkpoint_interval_s: float = 30.0
    labels: tuple[str, ...] = field(default=())  # names of the arms it serves, for people

    @property
    def key(self) -> str:
        """The run's key."""
        return run_key(self.stage_hash, self.seed)

    def model_path(self, key: str) -> Path:
        """Final weights of a run."""
        return self.runs_dir / key / "model.pt"


def utc_now() -> str:
    """ISO 8601, seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failed_result(job: StageJob, fingerprint: str, failure: Failure, env: Environment, log: str) -> StageResult:
    """The record of a run that did not finish."""
    record = RunRecord(
        stage_hash=job.stage_hash,
        seed=job.seed,
        stage=job.spec.name,
        status=Status.FAILED,
        environment=env,
        data_fingerprint=fingerprint,
        finished_at=utc_now(),
        failure=failure,
    )
    return StageResult(record, job.spec.model_dump(mode="json"), Curves(), {}, None, log)
