"""What every worker of a lane runs: take a stage, train it, hand in the result, ask again."""

import logging
import os
import shutil
import sys
import time
import traceback
import uuid
from dataclasses import dataclass, replace
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch

from ablations.running.attempt_log import kept_output
from ablations.running.hangs import Stall
from ablations.running.places import note_place
from ablations.running.queue import Epoch, State, Stop, Time, Train, Wait
from ablations.running.stages import BUSY_S
from ablations.running.watchdog import Watchdog
from pipeline.data.handle import DataHandle
from pipeline.data.stream import StreamShare
from pipeline.result import StageResult
from pipeline.spec.errors import Diverged, ResourceError
from pipeline.spec.records import Failure, RunRecord, Status
from pipeline.training.environment import environment
from pipeline.training.history import History
from pipeline.training.job import StageJob, TimingJob, failed_result
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.memory import trim_heap
from pipeline.training.micro_batches import more_parts
from pipeline.training.scrub import scrubbed
from pipeline.training.team import Team
from pipeline.training.timing import time_stages

LOG_TAIL_LINES = 30


@dataclass(frozen=True, slots=True)
class LaneConfig:
    """What a lane is given once."""

    lane: str
    queue: Any  # actor handle
    recorder: Any  # actor handle
    data: dict[str, Any]  # data key -> object reference to DataHandle
    share: StreamShare
    threads: int
    hang_timeout_s: float


class _Worker:
    """One worker's side of the lane."""

    def __init__(self, config: LaneConfig, team: Team) -> None:
        self._config = config
        self._team = team
        self._incarnation: str = team.gather(uuid.uuid4().hex)[0]
        self._handles: dict[str, DataHandle] = {}
        self._watchdog = Watchdog(team.rank, team.pulse, config.hang_timeout_s, self._tell_stall)

    def call(self, method: str, *args: Any) -> Any:
        """A method of the queue, as this worker group."""
        return ray.get(self.tell(method, *args))

    def tell(self, method: str, *args: Any) -> Any:
        """The same without waiting for the answer."""
        return self._config.queue.call.remote(method, self._config.lane, self._incarnation, *args)

    def _tell_stall(self, stall: Stall) -> bool:
        return self.call("stalled", self._team.world_size, stall)

    def data(self, key: str) -> DataHandle:
        """A data set, fetched once per worker."""
        if key not in self._handles:
            self._handles[key] = ray.get(self._config.data[key])
        return self._handles[key]

    def run(self) -> None:
        """Until the queue says stop."""
        note_place(self._config.lane)
        self.call("begin", ray.get_runtime_context().get_node_id())
        turn = 0
        while True:
            match self.call("next", turn):
                case Wait(seconds):
                    time.sleep(seconds)
                    continue
                case Stop():
                    return
                case Train(job, attempt):
                    self._train(job, attempt)
                case Time(timing):
                    self._time(timing)
            turn += 1

    def _time(self, timing: TimingJob) -> None:
        with self._watchdog.watching():
            for record in time_stages(timing, self.data, self._team, self._config.share):
                if self._team.rank == 0:
                    ray.get(self._config.recorder.write_timing.remote(record))
                    self.tell("progress", f"round {record.round + 1}/{timing.rounds}")
        if self._team.rank == 0:
            self.call("timed")

    def _train(self, job: StageJob, attempt: int) -> None:
        record = self._kept(job) if attempt > 1 else None
        if record is None:
            with kept_output(job.checkpoint, self._team.rank, attempt), self._watchdog.watching():
                result = self._attempt(job, attempt)
                while isinstance(result, StageJob):  # as before, in smaller portions; nothing of the last try is held
                    torch.cuda.empty_cache()
                    result = self._attempt(result, attempt)
            trim_heap()
            record = result.record
            if self._team.rank == 0:
                self._keep(result)
        if self._team.rank == 0:
            shutil.rmtree(job.checkpoint.parent, ignore_errors=True)
            state = State.FINISHED if record.status is Status.FINISHED else State.FAILED
            reason = f"{record.failure.type}: {record.failure.message}" if record.failure else ""
            told = record.metrics | ({BUSY_S: record.cost.busy_s} if record.cost else {})
            self.call("done", job.key, state, reason, told)

    def _kept(self, job: StageJob) -> RunRecord | None:
        """What an earlier attempt handed in before its worker died, if the queue alone was not told."""
        mine = None
        if self._team.rank == 0 and job.model_path(job.key).exists():
            mine = ray.get(self._config.recorder.finished.remote(job.stage_hash, job.seed))
        return self._team.gather(mine)[0]

    def _keep(self, result: StageResult) -> None:
        try:
            ray.get(self._config.recorder.write.remote(result))
        except ResourceError as error:  # else it would be told as a worker that died without a word
            self.call("fault", f"its result could not be kept: {getattr(error, 'cause', error)}")
            raise

    def _attempt(self, job: StageJob, attempt: int) -> StageResult | StageJob:
        """Train, or say why not, or how to try again. With several workers only what all of them agree on is caught."""

        def watch(report: EpochReport) -> None:
            sys.stderr.write(f"epoch {report.epoch}/{report.num_epochs} val {report.val_top1:.4f}\n")  # kept_output
            if self._team.rank == 0:
                self.tell("progress", Epoch(report.epoch, report.num_epochs, report.val_top1, report.by))

        data, history = self.data(job.data_key), History()
        try:
            return train_stage(job, data, self._team, self._config.share, watch, history)
        except Diverged as error:  # all ranks raise it at the same step
            return self._failed(job, data, error, attempt, error.step, history)
        except Exception as error:
            smaller = self._divided(job) if isinstance(error, torch.OutOfMemoryError) else None
            if self._team.world_size > 1 or isinstance(error, torch.AcceleratorError):
                # The other ranks may sit in a collective, or the device is unusable: a fresh group is the way out.
                self.call("fault", scrubbed(f"rank {self._team.rank}: {type(error).__name__}: {error}"))
                raise
            return smaller or self._failed(job, data, error, attempt, None, history)

    def _divided(self, job: StageJob) -> StageJob | None:
        """The job in smaller portions, unless that is no way out; the queue remembers it."""
        num_parts = more_parts(job.spec, job.num_parts)
        if num_parts is None:
            return None
        self.call("divide", job.key, num_parts)
        return replace(job, num_parts=num_parts)

    def _failed(
        self, job: StageJob, data: DataHandle, error: Exception, attempt: int, step: int | None, history: History
    ) -> StageResult:
        tail = "".join(traceback.format_exception(error)[-LOG_TAIL_LINES:])
        failure = Failure(type=type(error).__name__, message=str(error), step=step, attempts=attempt, log_tail=tail)
        log = "\n".join([*history.log, tail])
        return failed_result(job, data.fingerprint, failure, environment(self._team.device), log, history.curves())


def lane_main(mine: LaneConfig) -> None:
    """The training function of a lane's TorchTrainer."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    os.environ.setdefault("OMP_NUM_THREADS", str(mine.threads))
    torch.set_num_threads(mine.threads)
    context = ray.train.get_context()
    team = Team(context.get_world_rank(), context.get_world_size(), ray.train.torch.get_device())
    _Worker(mine, team).run()
