"""The largest batch that one device holds in a real training step, and the shards that a larger one must be cut into.

A shard is what goes through the network at once; gradients of all shards of a batch are added up before the step.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from pydantic import ValidationError

from pipeline.data.handle import DataHandle
from pipeline.data.index import without_labels
from pipeline.data.stream import StreamShare
from pipeline.experiment import StageSpec
from pipeline.spec.errors import ResourceError, SpecError
from pipeline.training.job import StageJob
from pipeline.training.memory import PeakMemory, available_mb, trim_heap
from pipeline.training.setup import build_chain
from pipeline.training.step import train_step
from pipeline.training.team import Team
from pipeline.training.timing import make_ready

MIN_SHARD = 2  # images, for batch statistics
CLOSE = 16  # the search ends when the first size that does not fit is within a sixteenth of the last that does
CPU_SHARE = 0.5  # of the memory left: a first size that is too large takes at most twice as much as the one before
STEPS = 2  # of each kind: the optimizer's own state is there from the second on


class DoesNotFit(MemoryError):
    """A step took more memory than it may: its peak in MB, or nothing where it was not tried."""


@dataclass(frozen=True, slots=True)
class Try:
    """One size that was tried."""

    images: int  # at once
    fits: bool
    peak_mb: float | None  # None: the step did not end, or was not begun


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What fits."""

    tries: tuple[Try, ...]  # in their order
    ceiling: int  # larger ones were not tried
    num_train: int  # images to train on: one reason for the ceiling
    limit_mb: float | None  # a step may take no more; None: whatever the GPU has
    largest: int | None  # images that fit at once; None: not even the smallest batch does
    num_shards: int | None  # fewest shards in which the stage's whole batch was seen to fit; None: none does
    device: str  # cpu or cuda


def largest_that_fits(ceiling: int, attempt: Callable[[int], float | None]) -> tuple[Try, ...]:
    """Double until a size does not fit, then halve the gap, down to a sixteenth.

    Args:
        ceiling: the largest size to try; at least 2.
        attempt: takes a step with so many images and returns its peak in MB; raises DoesNotFit or
            torch.OutOfMemoryError where they are too many.
    """
    tries: list[Try] = []
    fits, too_many = 0, ceiling + 1
    size = MIN_SHARD
    while fits < size < too_many:
        tries.append(_tried(size, attempt))
        if tries[-1].fits:
            fits = size
        else:
            too_many = size
        if too_many > ceiling:  # nothing has failed yet
            size = min(2 * fits, ceiling)
        elif too_many - fits > max(1, fits // CLOSE):
            size = max(MIN_SHARD, (fits + too_many) // 2)
        else:
            break
    return tuple(tries)


def _tried(images: int, attempt: Callable[[int], float | None]) -> Try:
    try:
        return Try(images, True, attempt(images))
    except DoesNotFit as error:
        return Try(images, False, *(error.args or (None,)))
    except torch.OutOfMemoryError:
        return Try(images, False, None)
    finally:
        gc.collect()  # what the failed step held is in cycles with its traceback
        trim_heap()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def shard_counts(batch_size: int, num_workers: int, largest: int) -> Iterator[int]:
    """Ways to cut a batch into equal shards of at most `largest` images, fewest first; workers share them equally."""
    for num_shards in range(num_workers, batch_size // MIN_SHARD + 1, num_workers):
        if batch_size % num_shards == 0 and batch_size // num_shards <= largest:
            yield num_shards


@dataclass(frozen=True, slots=True)
class Limits:
    """What a step may take, and what is tried."""

    ceiling: int  # images at once; the training images are another limit
    memory_mb: float | None = None  # None: all of a GPU, or CPU_SHARE of what this machine has left


def find_micro_batch(
    job: StageJob, data: DataHandle, team: Team, share: StreamShare, limits: Limits, num_workers: int
) -> MicroBatch:
    """Look for the largest batch, then for the shards of the stage's own batch; each is tried by real steps.

    Args:
        job: the stage. Its batch is what an experiment means by a batch, so it stays.
        data: real images are trained on.
        team: this process alone.
        share: of its stream.
        limits: what to try.
        num_workers: that will share the shards of a batch.

    Raises:
        SpecError: a strategy allows no other batch.
        ResourceError: on a CPU of a system that does not tell the peak memory, or that has less than `memory_mb`.
    """
    limit_mb, room_mb = _room(team, limits)
    batch_size, num_train = job.spec.budget.batch_size, _num_train(job, data, team)
    ceiling = min(limits.ceiling, num_train)
    seen: dict[int, float] = {}

    def attempt(images: int, num_shards: int = 1) -> float | None:
        if seen and room_mb is not None:
            size = max(seen)
            if seen[size] * images / size > room_mb:  # at most proportional to the images: would the machine swap?
                raise DoesNotFit
        peak_mb = step_peak_mb(cut(job, images, num_shards), data, team, share)
        if peak_mb is None and room_mb is not None:
            raise ResourceError(
                "this system does not tell the peak memory of a process (/proc/self/clear_refs), so nobody can say "
                "what fits; run it on Linux, or with a GPU"
            )
        if peak_mb is not None and num_shards == 1:
            seen[images] = peak_mb
        if limit_mb is not None and peak_mb is not None and peak_mb > limit_mb:
            raise DoesNotFit(peak_mb)
        return peak_mb

    if room_mb is not None:  # what a process loads at its first step would be taken for that of the first size
        step_peak_mb(cut(job, MIN_SHARD, 1), data, team, share)
    tries = largest_that_fits(ceiling, attempt)
    largest = max((one.images for one in tries if one.fits), default=None)
    found: int | None = None
    for num_shards in shard_counts(batch_size, num_workers, largest or 0):
        # One worker's part of the batch: its images are all on the device before the first shard is trained on.
        if _tried(batch_size // num_workers, lambda n, k=num_shards // num_workers: attempt(n, k)).fits:
            found = num_shards
            break
    return MicroBatch(tries, ceiling, num_train, limit_mb, largest, found, team.device.type)


def _room(team: Team, limits: Limits) -> tuple[float | None, float | None]:
    """What a step may take, and above what none is tried, in MB. A GPU refuses by itself what it does not have."""
    if team.device.type != "cpu":
        return limits.memory_mb, None
    left_mb = available_mb()
    if left_mb is None:
        raise ResourceError("this system does not tell its free memory (/proc/meminfo); run it on Linux, or with a GPU")
    if limits.memory_mb is not None and limits.memory_mb > left_mb:
        raise ResourceError(
            f"--memory-gb {limits.memory_mb / 1024:g}: this machine has {left_mb / 1024:.1f} GB left; give less"
        )
    return limits.memory_mb or CPU_SHARE * left_mb, left_mb


def _num_train(job: StageJob, data: DataHandle, team: Team) -> int:
    """Images of an epoch, in batches of the start: a strategy may drop some, or make batches larger later on."""
    spec, chain = job.spec, build_chain(job, data, team)
    plans = chain.plan_epochs(spec.data.image_size_px, spec.budget.batch_size, spec.task.num_views)
    grows = max(plan.batch_size for plan in plans) / spec.budget.batch_size
    index = chain.edit_dataset(data.train)
    return int(len((index if spec.task.uses_labels else without_labels(index)).rows) / grows)


def cut(job: StageJob, batch_size: int, num_shards: int) -> StageJob:
    """The stage with another batch.

    Raises:
        SpecError: a strategy does not go with it.
    """
    spec = job.spec.model_dump(mode="json")
    spec["budget"] |= {"batch_size": batch_size, "num_shards": num_shards}
    try:
        return replace(job, spec_json=StageSpec.model_validate(spec).model_dump_json())
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SpecError(f"a batch of {batch_size} in {num_shards} shards cannot be tried: {reason}") from error


def step_peak_mb(job: StageJob, data: DataHandle, team: Team, share: StreamShare) -> float | None:
    """Peak of building the stage and of steps of each of its kinds: image sizes, batch sizes, layers that learn.

    On a GPU the peak of what torch allocated; on a CPU the growth of the resident set, None where the kernel does not
    tell.

    Raises:
        torch.OutOfMemoryError: it was more than the GPU has.
    """
    with PeakMemory(team.device) as peak:
        ready = make_ready(job, data, team, share)
        for phase in ready.phases:
            ready.setup.network.train_only(ready.setup.chain.trainable(ready.setup.network.model, phase.plan.epoch))
            for i in range(STEPS):
                train_step(ready.setup, phase.batches, phase.plan, i % ready.setup.num_steps[phase.plan.epoch], team)
    return peak.megabytes
