"""Learning-rate range test: training as usual, while the rate grows from far too low to far too high.

Smith 2017, Cyclical Learning Rates for Training Neural Networks (arXiv:1506.01186), section 3.3, which lets the rate
grow linearly; here it grows by a constant factor from step to step, and stops when the loss runs away, as in fastai.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.plan import stage_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.spec.schedule import Constant
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.setup import Setup, build_setup
from pipeline.training.step import train_step
from pipeline.training.team import Team

RUNAWAY = 4.0  # times the lowest smoothed loss so far: fastai's rule for a test that may stop
KEPT = 0.9  # of the running mean per step; only the rule above looks at that mean


@dataclass(frozen=True, slots=True)
class RangeCurve:
    """Losses of the steps that were taken, each before its step was made, and why there are no more."""

    rates: tuple[float, ...]  # optimizer.lr; a group with a scale of its own had that many times more
    losses: tuple[float, ...]  # the training loss of the step's batch: all terms together
    ended: Literal["highest rate", "runaway loss", "loss not finite"]
    image_sizes_px: tuple[int, ...] = ()  # of the steps; more than one where a strategy changes the size


def growing_rates(lowest: float, highest: float, num_steps: int) -> list[float]:
    """Rates that grow by a constant factor, both ends included."""
    return np.geomspace(lowest, highest, num_steps).tolist()


def sweep(rates: Sequence[float], step: Callable[[float], float]) -> RangeCurve:
    """Take a step at each rate until the loss runs away.

    It has run away when its running mean is above four times the lowest and above where it began: a loss that has come
    near zero may well be four times as high a step later.

    Args:
        rates: in the order of the steps.
        step: trains at this rate and returns the loss that it started from.
    """
    losses: list[float] = []
    total, weight, first, lowest = 0.0, 0.0, math.inf, math.inf
    for i, rate in enumerate(rates):
        loss = step(rate)
        if not math.isfinite(loss):
            return RangeCurve(tuple(rates[:i]), tuple(losses), "loss not finite")
        losses.append(loss)
        total, weight = KEPT * total + loss, KEPT * weight + 1.0
        mean = total / weight
        first = mean if i == 0 else first
        lowest = min(lowest, mean)
        if mean > max(RUNAWAY * lowest, first):
            return RangeCurve(tuple(rates[: i + 1]), tuple(losses), "runaway loss")
    return RangeCurve(tuple(rates), tuple(losses), "highest rate")


def range_test(job: StageJob, data: DataHandle, team: Team, share: StreamShare, rates: Sequence[float]) -> RangeCurve:
    """Train a stage from its start with these rates instead of its schedule, by the step that trains every stage.

    Batches come in the order of the training, from its first epoch on. Nothing is evaluated and nothing is kept.

    Raises:
        SpecError: the stage cannot be trained.
    """
    job, setup = _long_enough(job, data, team, len(rates))
    spec, lr = job.spec, job.spec.optimizer.lr
    plans, seed = setup.plans, setup.chain.seed
    planned = stage_batches(
        setup.index, (), plans, spec.budget, spec.data.eval_size_px, seed, team.rank, team.world_size
    )
    stream = open_stream(planned, spec.data, setup.chain.row_transforms(), seed, data.prepared, share)
    feed = Feed(stream, spec, data.num_classes, team)
    steps = ((plan, i) for plan in plans for i in range(setup.num_steps[plan.epoch]))
    sizes: dict[int, None] = {}

    def step(rate: float) -> float:
        plan, i = next(steps)
        sizes[plan.image_size_px] = None
        setup.network.train_only(setup.chain.trainable(setup.network.model, plan.epoch))
        batches = [feed.take("train", plan.epoch)[1] for _ in setup.my_shards]
        # The schedule is constant, so the scale is all that moves the rate.
        at_rate = replace(plan, lr_scale=plan.lr_scale * rate / lr)
        return float(torch.stack(list(train_step(setup, batches, at_rate, i, team).values())).sum())

    try:
        return replace(sweep(rates, step), image_sizes_px=tuple(sizes))
    finally:
        stream.close()


def _long_enough(job: StageJob, data: DataHandle, team: Team, num_steps: int) -> tuple[StageJob, Setup]:
    """The stage at a constant rate, over more epochs where its own have fewer steps than the test."""
    spec = job.spec
    epochs = spec.budget.epochs
    while True:
        budget = spec.budget.model_copy(update={"epochs": epochs})
        changed = spec.model_copy(update={"schedule": Constant(), "budget": budget})
        longer = replace(job, spec_json=changed.model_dump_json())
        setup = build_setup(longer, data, team)
        missing = num_steps / sum(setup.num_steps)
        if missing <= 1:
            return longer, setup
        epochs = math.ceil(epochs * missing)
