"""One stage with one seed, as it is handed to the workers of a lane. No torch: the queue starts without it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.result import StageResult
from pipeline.spec.records import Curves, Environment, Failure, RunRecord, Status, run_key
from pipeline.training.scrub import scrubbed

if TYPE_CHECKING:
    from pipeline.experiment import StageSpec


@dataclass(frozen=True, slots=True)
class StageJob:
    """What to train, who it is, and where its files go."""

    stage: str  # name
    spec_json: str  # text, so that who only passes a job on need not import what it speaks of
    stage_hash: str
    seed: int
    data_key: str
    ancestors: dict[str, str]  # name of an earlier stage -> its run key
    runs_dir: Path
    checkpoint: Path
    checkpoint_interval_s: float = 30.0
    labels: tuple[str, ...] = field(default=())  # names of the arms it serves, for people
    num_parts: int = 1  # micro-batches of a shard, where memory does not hold a whole one

    @property
    def spec(self) -> "StageSpec":
        """What to train."""
        return _parsed(self.spec_json)

    @property
    def label(self) -> str:
        """For people: the arm, or the stage when several arms share it."""
        return self.labels[0] if self.labels else self.stage

    @property
    def key(self) -> str:
        """The run's key."""
        return run_key(self.stage_hash, self.seed)

    def model_path(self, key: str) -> Path:
        """Final weights of a run."""
        return self.runs_dir / key / "model.pt"


@lru_cache(maxsize=64)
def _parsed(spec_json: str) -> "StageSpec":
    from pipeline.experiment import StageSpec

    return StageSpec.model_validate_json(spec_json)


@dataclass(frozen=True, slots=True)
class TimingJob:
    """Stages to time against each other."""

    block: str
    jobs: tuple[StageJob, ...]
    rounds: int = 3
    seconds_per_size: float = 1.0


def utc_now() -> str:
    """ISO 8601, seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failed_result(
    job: StageJob, fingerprint: str, failure: Failure, env: Environment, log: str, curves: Curves | None = None
) -> StageResult:
    """The record of a run that did not finish, without what its error and its log say about secrets and homes.

    Args:
        job: that failed.
        fingerprint: of its data.
        failure: why.
        env: where.
        log: what is known of how it went.
        curves: up to the failure; None: nobody is left who knows them.
    """
    told = failure.model_copy(update={"message": scrubbed(failure.message), "log_tail": scrubbed(failure.log_tail)})
    record = RunRecord(
        stage_hash=job.stage_hash,
        seed=job.seed,
        stage=job.stage,
        status=Status.FAILED,
        environment=env,
        data_fingerprint=fingerprint,
        finished_at=utc_now(),
        failure=told,
    )
    return StageResult(record, json.loads(job.spec_json), curves or Curves(), {}, scrubbed(log))
