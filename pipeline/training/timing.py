"""The exclusive cost block: what a step of each stage takes while nothing else runs.

Lanes share the machine, so their wall time carries no verdict. Here the stages take turns, round by round, on one
lane while the others wait; ratios are only ever taken within a round.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import stage_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.spec.base import derive_seed
from pipeline.spec.records import TimingRecord
from pipeline.training.environment import environment
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob, TimingJob
from pipeline.training.memory import PeakMemory
from pipeline.training.setup import Setup, build_setup
from pipeline.training.step import train_step
from pipeline.training.team import Team
from pipeline.types import Batch

WARMUP_STEPS = 2
MAX_STEPS = 30  # per image size and round


@dataclass(frozen=True, slots=True)
class ReadyStage:
    """A stage with real batches at each of its image sizes."""

    job: StageJob
    setup: Setup
    batches: dict[int, list[Batch]]  # image size -> this rank's shards of one step
    epochs_at: Counter[int]  # image size -> epochs trained at it


def _make_ready(job: StageJob, data: DataHandle, team: Team, share: StreamShare) -> ReadyStage:
    setup = build_setup(job, data, team)
    epochs_at = Counter(plan.image_size_px for plan in setup.plans)
    batches: dict[int, list[Batch]] = {}
    small_index = replace(
        setup.index,
        rows=setup.index.rows[: job.spec.budget.batch_size],
        keys=setup.index.keys[: job.spec.budget.batch_size],
        labels=setup.index.labels[: job.spec.budget.batch_size],
    )
    sizes = sorted(epochs_at)
    plans = [EpochPlan(i, size) for i, size in enumerate(sizes)]
    planned = stage_batches(small_index, [], plans, job.spec.budget, 0, setup.chain.seed, team.rank, team.world_size)
    stream = open_stream(planned, job.spec.data, setup.chain.seed, data.prepared, share)
    feed = Feed(stream, job.spec.data, job.spec.model.head_size(data.num_classes), team.device)
    for i, size in enumerate(sizes):
        batches[size] = [feed.take("train", i)[1] for _ in setup.my_shards]
    stream.close()
    return ReadyStage(job, setup, batches, epochs_at)


def _synchronize(team: Team) -> None:
    if team.device.type == "cuda":
        torch.cuda.synchronize(team.device)


def _time_steps(ready: ReadyStage, size: int, seconds: float, team: Team) -> float:
    """Median step in milliseconds; the number of steps is agreed, since a step may be a collective."""
    batches = ready.batches[size]
    for step in range(WARMUP_STEPS):
        train_step(ready.setup, batches, step, team)
    _synchronize(team)
    start = time.perf_counter()
    train_step(ready.setup, batches, 0, team)
    _synchronize(team)
    one = float(team.minimum(torch.tensor(time.perf_counter() - start, device=team.device)))
    times = []
    for step in range(int(min(MAX_STEPS, max(3, seconds / max(one, 1e-6))))):
        start = time.perf_counter()
        train_step(ready.setup, batches, step, team)
        _synchronize(team)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def time_stages(
    timing: TimingJob, data_of: Callable[[str], DataHandle], team: Team, share: StreamShare
) -> Iterator[TimingRecord]:
    """Time every stage once per round, in a new order each round."""
    for number in range(timing.rounds):
        order = np.random.default_rng(derive_seed(timing.block, number)).permutation(len(timing.jobs))
        for i in order.tolist():
            job = timing.jobs[i]
            with PeakMemory(team.device) as peak:
                ready = _make_ready(job, data_of(job.data_key), team, share)
                step_ms = weighted_step_ms(ready, timing.seconds_per_size, team)
                del ready
            yield TimingRecord(
                block=timing.block,
                round=number,
                stage_hash=job.stage_hash,
                step_ms=step_ms,
                images_per_s=job.spec.budget.batch_size / step_ms * 1000,
                peak_memory_mb=peak.megabytes,
                environment=environment(team.device),
            )


def weighted_step_ms(ready: ReadyStage, seconds: float, team: Team) -> float:
    """Mean step over the stage's epochs: each image size counts by the epochs that use it."""
    sizes: Sequence[tuple[int, int]] = sorted(ready.epochs_at.items())
    total = sum(epochs * _time_steps(ready, size, seconds / len(sizes), team) for size, epochs in sizes)
    return total / sum(epochs for _, epochs in sizes)
