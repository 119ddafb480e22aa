"""One optimizer step over a rank's shards. Training and the timing block run this same code."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.spec.base import derive_seed
from pipeline.training.precision import autocast
from pipeline.training.setup import Setup
from pipeline.training.team import Team
from pipeline.types import Batch, LossTerms


def train_step(setup: Setup, batches: Sequence[Batch], step: int, team: Team) -> LossTerms:
    """Forward, backward and update.

    Args:
        setup: the stage.
        batches: one for each of this rank's shards, in their order.
        step: number of the optimizer step from the start of training; names the random streams.
        team: the workers.

    Returns:
        Each loss term as the mean over this rank's shards, detached, on the device.
    """
    setup.wrapped.train()
    setup.scheduler.step_update(step)
    setup.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    for shard, batch in zip(setup.my_shards, batches, strict=True):
        batch = setup.chain.edit_batch(batch, step, shard)
        setup.shards.enter(shard)
        torch.manual_seed(derive_seed(setup.chain.seed, "forward", step, shard))  # dropout and its kin
        with (
            team.no_sync(setup.wrapped, last=shard == setup.my_shards[-1]),
            autocast(setup.precision, team.device.type),
        ):
            logits = setup.wrapped(batch.images).float()
            terms = setup.loss_fn(logits, batch)
            loss = torch.stack(list(terms.values())).sum() / len(setup.my_shards)
            setup.scaler.scale(loss).backward()
        for name, term in terms.items():
            part = term.detach() / len(setup.my_shards)
            sums[name] = sums[name] + part if name in sums else part
    setup.scaler.step(setup.optimizer)
    setup.scaler.update()
    return sums
