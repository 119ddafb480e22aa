"""What every worker of a lane runs: take a stage, train it, hand in the result, ask again."""

import logging
import os
import shutil
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch

from ablations.running.queue import Epoch, State, Stop, Time, Train, Wait
from ablations.running.stages import BUSY_S
from pipeline.data.handle import DataHandle
from pipeline.data.stream import StreamShare
from pipeline.result import StageResult
from pipeline.spec.errors import Diverged, ResourceError
from pipeline.spec.records import Failure, Status
from pipeline.training.environment import environment
from pipeline.training.history import History
from pipeline.training.job import StageJob, failed_result
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.memory import trim_heap
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


class _Worker:
    """One worker's side of the lane."""

    def __init__(self, config: LaneConfig, team: Team) -> None:
        self._config = config
        self._team = team
        self._incarnation: str = team.gather(uuid.uuid4().hex)[0]
        self._handles: dict[str, DataHandle] = {}

    def call(self, method: str, *args: Any) -> Any:
        """A method of the queue, as this worker group."""
        return ray.get(self.tell(method, *args))

    def tell(self, method: str, *args: Any) -> Any:
        """The same without waiting for the answer."""
        return self._config.queue.call.remote(method, self._config.lane, self._incarnation, *args)

    def data(self, key: str) -> DataHandle:
        """A data set, fetched once per worker."""
        if key not in self._handles:
            self._handles[key] = ray.get(self._config.data[key])
        return self._handles[key]

    def run(self) -> None:
        """Until the queue says stop."""
        self.call("begin")
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
                    for record in time_stages(timing, self.data, self._team, self._config.share):
                        if self._team.rank == 0:
                            ray.get(self._config.recorder.write_timing.remote(record))
                            self.tell("progress", f"round {record.round + 1}/{timing.rounds}")
                    if self._team.rank == 0:
                        self.call("timed")
            turn += 1

    def _train(self, job: StageJob, attempt: int) -> None:
        result = self._attempt(job, attempt)
        trim_heap()
        if self._team.rank == 0:
            try:
                ray.get(self._config.recorder.write.remote(result))
            except ResourceError as error:  # else it would be told as a worker that died without a word
                self.call("fault", f"its result could not be kept: {getattr(error, 'cause', error)}")
                raise
            shutil.rmtree(job.checkpoint.parent, ignore_errors=True)
            record = result.record
            state = State.FINISHED if record.status is Status.FINISHED else State.FAILED
            reason = f"{record.failure.type}: {record.failure.message}" if record.failure else ""
            told = record.metrics | ({BUSY_S: record.cost.busy_s} if record.cost else {})
            self.call("done", job.key, state, reason, told)

    def _attempt(self, job: StageJob, attempt: int) -> StageResult:
        """Train, or say why not. With several workers only what all of them agree on is caught."""

        def watch(report: EpochReport) -> None:
            if self._team.rank == 0:
                self.tell("progress", Epoch(report.epoch, report.num_epochs, report.val_top1, report.by))

        data, history = self.data(job.data_key), History()
        try:
            return train_stage(job, data, self._team, self._config.share, watch, history)
        except Diverged as error:  # all ranks raise it at the same step
            return self._failed(job, data, error, attempt, error.step, history)
        except Exception as error:
            if self._team.world_size > 1 or isinstance(error, torch.AcceleratorError):
                # The other ranks may sit in a collective, or the device is unusable: a fresh group is the way out.
                self.call("fault", scrubbed(f"rank {self._team.rank}: {type(error).__name__}: {error}"))
                raise
            if isinstance(error, torch.OutOfMemoryError):
                torch.cuda.empty_cache()
            return self._failed(job, data, error, attempt, None, history)

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
