"""The exclusive cost block: what a step of each stage takes while nothing else runs.

Lanes share the machine, so their wall time carries no verdict. Here the stages take turns, round by round, on one
lane while the others wait; ratios are only ever taken within a round.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

import numpy as np
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import PlannedBatch, train_batches
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
class Phase:
    """Epochs whose steps cost the same: equal image and batch size, and the same parameters learn."""

    plan: EpochPlan  # of the first of them
    batches: list[Batch]  # this rank's shards of one step
    num_steps: int  # in all of them


@dataclass(frozen=True, slots=True)
class ReadyStage:
    """A stage with real batches of each of its phases."""

    job: StageJob
    setup: Setup
    phases: tuple[Phase, ...]


def make_ready(job: StageJob, data: DataHandle, team: Team, share: StreamShare) -> ReadyStage:
    """Build the stage, and take one real step's batches for each of its phases."""
    spec, setup = job.spec, build_setup(job, data, team)
    alike: dict[tuple[int, int, frozenset[str] | None], list[EpochPlan]] = {}
    for plan in setup.plans:
        learns = setup.chain.trainable(setup.network.model, plan.epoch)
        alike.setdefault((plan.image_size_px, plan.batch_size, learns), []).append(plan)
    firsts = [plans[0] for plans in alike.values()]
    planned: list[PlannedBatch] = []
    for plan in firsts:
        epoch = train_batches(setup.index, plan, spec.budget.num_shards, setup.chain.seed, team.rank, team.world_size)
        planned += islice(epoch, len(setup.my_shards) * plan.batches_per_shard)
    stream = open_stream(planned, spec.data, setup.chain.row_transforms(), setup.chain.seed, data.prepared, share)
    feed = Feed(stream, spec, data.num_classes, team)
    phases = tuple(
        Phase(
            plan=plans[0],
            batches=[feed.take("train", plans[0].epoch)[1] for _ in setup.my_shards],
            num_steps=sum(setup.num_steps[plan.epoch] for plan in plans),
        )
        for plans in alike.values()
    )
    stream.close()
    return ReadyStage(job, setup, phases)


def _synchronize(team: Team) -> None:
    if team.device.type == "cuda":
        torch.cuda.synchronize(team.device)


def _time_steps(setup: Setup, phase: Phase, seconds: float, team: Team) -> float:
    """Median step in milliseconds; the number of steps is agreed, since a step may be a collective."""
    setup.network.train_only(setup.chain.trainable(setup.network.model, phase.plan.epoch))
    num_steps = setup.num_steps[phase.plan.epoch]
    for i in range(WARMUP_STEPS):
        train_step(setup, phase.batches, phase.plan, i % num_steps, team)
    _synchronize(team)
    start = time.perf_counter()
    train_step(setup, phase.batches, phase.plan, 0, team)
    _synchronize(team)
    one = float(team.minimum(torch.tensor(time.perf_counter() - start, device=team.device)))
    times = []
    for i in range(int(min(MAX_STEPS, max(3, seconds / max(one, 1e-6))))):
        start = time.perf_counter()
        train_step(setup, phase.batches, phase.plan, i % num_steps, team)
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
                ready = make_ready(job, data_of(job.data_key), team, share)
                step_ms = weighted_step_ms(ready, timing.seconds_per_size, team)
                images = sum(phase.plan.images_per_step * phase.num_steps for phase in ready.phases)
                steps = sum(phase.num_steps for phase in ready.phases)
                del ready
            yield TimingRecord(
                block=timing.block,
                round=number,
                stage_hash=job.stage_hash,
                step_ms=step_ms,
                images_per_s=images / (steps * step_ms) * 1000,
                peak_memory_mb=peak.megabytes,
                environment=environment(team.device),
            )


def weighted_step_ms(ready: ReadyStage, seconds: float, team: Team) -> float:
    """Mean step over the stage: each phase counts by its steps."""
    total = sum(
        phase.num_steps * _time_steps(ready.setup, phase, seconds / len(ready.phases), team) for phase in ready.phases
    )
    return total / sum(phase.num_steps for phase in ready.phases)
