"""One optimizer step over a rank's shards. Training and the timing block run this same code."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.data.index import EpochPlan
from pipeline.spec.base import derive_seed
from pipeline.training.micro_batches import micro_batches
from pipeline.training.precision import number_format
from pipeline.training.setup import Setup
from pipeline.training.team import Team
from pipeline.types import Batch, LossTerms


def train_step(setup: Setup, batches: Sequence[Batch], plan: EpochPlan, i: int, team: Team) -> LossTerms:
    """Forward, backward and update.

    Args:
        setup: the stage.
        batches: one for each of this rank's shards, in their order.
        plan: of the epoch.
        i: number of the optimizer step within the epoch.
        team: the workers.

    Returns:
        Each loss term as the mean over this rank's shards, detached, on the device.
    """
    step = setup.first_step[plan.epoch] + i
    team.pulse.beat(step)
    setup.network.train_mode()
    setup.rate.set(plan.epoch + i / setup.num_steps[plan.epoch], plan.lr_scale)
    edited = [edited_batch(setup, batch, step, shard) for shard, batch in zip(setup.my_shards, batches, strict=True)]

    def backward() -> LossTerms:
        setup.optimizer.zero_grad(set_to_none=True)
        return _backward(setup, edited, step, team)

    model = setup.network.model
    terms = setup.chain.compute_gradients(backward, model)
    if setup.chain.uses("before_step"):
        setup.scaler.unscale_(setup.optimizer)
        setup.chain.before_step(model)
    setup.scaler.step(setup.optimizer)
    setup.scaler.update()
    if setup.chain.uses("after_step"):
        setup.shards.load_local_mean()
        setup.chain.after_step(model, step)
    return terms


def edited_batch(setup: Setup, batch: Batch, step: int, shard: int) -> Batch:
    """A shard as it is trained on: after the strategies, with what the task draws for it."""
    rng = np.random.default_rng(derive_seed(setup.chain.seed, "task", step, shard))
    return setup.task.prepare(setup.chain.edit_batch(batch, step, shard), rng)


def _backward(setup: Setup, batches: Sequence[Batch], step: int, team: Team) -> LossTerms:
    """Accumulate the gradients of all shards, each with its own batch statistics and its own dropout."""
    wrapped, shards = setup.network.wrapped, setup.my_shards
    sums: dict[str, Tensor] = {}
    for shard, batch in zip(shards, batches, strict=True):
        setup.shards.enter(shard)
        torch.manual_seed(derive_seed(setup.chain.seed, "forward", step, shard))  # dropout and its kin
        parts = micro_batches(batch, setup.num_parts)
        for part in parts:
            last = shard == shards[-1] and part is parts[-1]
            with team.no_sync(wrapped, last), number_format(setup.precision, team.device.type):
                terms = setup.loss_fn(setup.task.forward(wrapped, part.batch).float(), part.batch)
                share = part.share / len(shards)
                loss = torch.stack(list(terms.values())).sum() * share
                team.backward(setup.scaler.scale(loss))
            for name, term in terms.items():
                counted = term.detach() * share
                sums[name] = sums[name] + counted if name in sums else counted
    return sums
