"""Warm groups of Ray Train workers, and how many of them a cluster holds."""

import logging
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from ablations.grid.spec import Resources
from ablations.running.lane_worker import LaneConfig, lane_main
from ablations.running.places import free_place
from pipeline.data.stream import StreamShare
from pipeline.spec.errors import ResourceError

# Ray Train notices a dead worker this often; its default of 2 s is also what one report call would cost.
HEALTH_CHECK_S = "0.5"
MIN_TASK_CPUS = 2.0  # spare CPUs of a GPU worker from which Ray Data tasks render for it, instead of its own threads
RESERVE_TIMEOUT_S = 120
COLLECTIVES_WAIT = 50  # times resources.hang_timeout_s: the watchdog also waits 20 times the longest pause so far
MAX_CONTROLLERS = 5  # a lane gets as many, one after another
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class LaneSizes:
    """How a cluster is divided."""

    lanes: int
    workers: int  # per lane
    cpus_per_worker: float
    gpus_per_worker: float
    threads: int
    data_cpus: float  # for Ray Data tasks that render; 0: threads of the workers do it

    @property
    def stream_cpus(self) -> float:
        """For the Ray Data tasks of one rank's stream."""
        return self.data_cpus / (self.lanes * self.workers)

    @property
    def render_threads(self) -> int:
        """Of one worker. On a CPU one thread renders far more than training takes; a GPU's worker has idle cores."""
        return max(1, int(self.cpus_per_worker)) if self.gpus_per_worker else 1

    def __str__(self) -> str:
        gpus = f" and {self.gpus_per_worker:g} GPU" if self.gpus_per_worker else ""
        plural = "s" if self.lanes != 1 else ""
        return (
            f"{self.lanes} lane{plural} x {self.workers} worker{'s' if self.workers != 1 else ''} "
            f"({self.cpus_per_worker:g} CPU{gpus}, {self.threads} thread{'s' if self.threads != 1 else ''} each), "
            + (f"{self.data_cpus:g} CPU for Ray Data streams" if self.data_cpus else "images rendered in its threads")
        )


def size_lanes(asked: Resources, num_cpus: float, num_gpus: float, num_runs: int) -> LaneSizes:
    """Divide a cluster.

    Args:
        asked: what the grid fixes.
        num_cpus: of the whole cluster.
        num_gpus: of the whole cluster.
        num_runs: of the whole plan, finished ones included: a resumed study must not get other thread counts.

    Raises:
        ResourceError: it does not fit, with what would.
    """
    workers = asked.workers_per_trial
    gpus = asked.gpus_per_worker if asked.gpus_per_worker is not None else (1.0 if num_gpus else 0.0)
    if gpus > num_gpus:
        raise ResourceError(
            f"resources.gpus_per_worker={gpus:g}, but the cluster has {num_gpus:g} GPUs; use 0 for CPUs"
        )
    if 0 < gpus < 1 and workers > 1:
        raise ResourceError(
            f"resources.gpus_per_worker={gpus:g} with workers_per_trial={workers}: a fraction of a card only packs "
            "trials of one worker (NCCL refuses two ranks on one device)"
        )
    data_cpus = asked.data_cpus
    if data_cpus is None:
        num_ranks = math.floor(num_gpus / gpus) if gpus else 0
        spare = num_cpus - num_ranks
        data_cpus = spare if num_ranks and spare >= MIN_TASK_CPUS * num_ranks else 0.0
    for_workers = num_cpus - data_cpus
    lanes = asked.lanes
    if lanes is None:
        threads = asked.threads_per_worker or 1
        fit = num_gpus / (gpus * workers) if gpus else num_cpus / (threads * workers)
        if asked.cpus_per_worker:
            fit = min(fit, for_workers / (asked.cpus_per_worker * workers) + _SLACK)
        lanes = max(1, min(int(fit), num_runs))
    cpus = asked.cpus_per_worker or math.floor(1000 * for_workers / (lanes * workers)) / 1000
    cpus = min(cpus, 1.0) if asked.cpus_per_worker is None and data_cpus else cpus
    threads = asked.threads_per_worker or max(1, int(num_cpus / (lanes * workers)))
    total = lanes * workers * cpus
    if cpus <= 0 or total > for_workers + _SLACK:
        raise ResourceError(
            f"{lanes} lanes x {workers} workers x {cpus:g} CPUs = {total:g} CPUs, but only {for_workers:g} of "
            f"{num_cpus:g} are free for training"
            + (
                f": {data_cpus:g} are kept for Ray Data streams, which would otherwise wait for ever"
                if data_cpus
                else ""
            )
            + ". Lower resources.lanes, workers_per_trial or cpus_per_worker"
        )
    if gpus and lanes * workers * gpus > num_gpus + _SLACK:
        raise ResourceError(
            f"{lanes} lanes x {workers} workers x {gpus:g} GPUs = {lanes * workers * gpus:g} GPUs, but the cluster has "
            f"{num_gpus:g}. Lower resources.lanes or workers_per_trial"
        )
    return LaneSizes(lanes, workers, cpus, gpus, threads, data_cpus)


class Lanes:
    """The lanes of one invocation, each a Ray Train run in a thread of the driver."""

    def __init__(
        self, sizes: LaneSizes, queue: Any, recorder: Any, data: dict[str, Any], scratch: Path, hang_timeout_s: float
    ) -> None:
        os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = HEALTH_CHECK_S
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"  # workers stay where relative paths mean what the user meant
        logging.getLogger("ray.train").setLevel(logging.ERROR)
        self._errors: dict[str, BaseException] = {}
        self._threads = []
        self._reserved = reserve_stream_cpus(sizes) if sizes.data_cpus else None
        share = StreamShare(sizes.render_threads, sizes.stream_cpus, self._reserved)
        for number in range(sizes.lanes):
            config = LaneConfig(f"lane {number}", queue, recorder, data, share, sizes.threads, hang_timeout_s)
            thread = threading.Thread(target=self._run, args=(config, sizes, scratch), name=config.lane, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, config: LaneConfig, sizes: LaneSizes, scratch: Path) -> None:
        try:
            for number in range(MAX_CONTROLLERS):
                try:
                    trainer(config, sizes, scratch / str(number)).fit()
                    return
                except RayActorError as error:  # Ray restarts workers, but not the controller that watches over them
                    self._errors[config.lane] = error
                    if not ray.is_initialized():
                        return  # the driver is ending: another call would start a Ray anew
                    free_place(config.lane)
        except BaseException as error:  # reported by the driver's main thread
            self._errors[config.lane] = error
        if ray.is_initialized():
            config.queue.call.remote("leave", config.lane)

    def alive(self) -> bool:
        """Whether any lane still runs."""
        return any(thread.is_alive() for thread in self._threads)

    def errors(self) -> dict[str, BaseException]:
        """Lanes that ended with an error."""
        return dict(self._errors)

    def release(self) -> None:
        """Give the streams' CPUs back: a process that runs a second study would otherwise wait for its own."""
        if self._reserved is not None:
            remove_placement_group(self._reserved)


def trainer(config: LaneConfig, sizes: LaneSizes, scratch: Path) -> TorchTrainer:
    """A lane as a run of Ray Train that has not started."""
    resources = {"CPU": sizes.cpus_per_worker} | ({"GPU": sizes.gpus_per_worker} if sizes.gpus_per_worker else {})
    return TorchTrainer(
        # Bound here rather than by `train_loop_config`, which Ray's controller unpickles too: it would import
        # everything that training needs, seconds on the way to the first step.
        lambda: lane_main(config),
        # A collective gives up long after the watchdog would have said who does not come.
        torch_config=TorchConfig(timeout_s=int(COLLECTIVES_WAIT * config.hang_timeout_s)),
        scaling_config=ScalingConfig(
            num_workers=sizes.workers, use_gpu=sizes.gpus_per_worker > 0, resources_per_worker=resources
        ),
        # Attempts are counted per stage by the queue; a death while idle counts on nothing.
        run_config=RunConfig(
            name=config.lane.replace(" ", "-"),
            storage_path=str(scratch),
            failure_config=FailureConfig(max_failures=-1),
        ),
    )


def reserve_stream_cpus(sizes: LaneSizes) -> PlacementGroup:
    """Set the streams' CPUs aside before any worker can take them.

    Raises:
        ResourceError: something else on the cluster holds them.
    """
    bundles = [{"CPU": sizes.stream_cpus}] * (sizes.lanes * sizes.workers)
    reserved = placement_group(bundles, strategy="SPREAD")
    if not reserved.wait(RESERVE_TIMEOUT_S):
        remove_placement_group(reserved)
        raise ResourceError(
            f"{sizes.data_cpus:g} CPUs for the data streams were not free within {RESERVE_TIMEOUT_S} s: "
            "other jobs hold "
            "the cluster. Wait for them, or lower resources.data_cpus"
        )
    return reserved


def cluster_size() -> tuple[float, float]:
    """CPUs and GPUs of the connected cluster."""
    resources = ray.cluster_resources()
    return resources.get("CPU", 0.0), resources.get("GPU", 0.0)
