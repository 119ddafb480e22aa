"""The one training loop. Every stage of every trial runs through it, alone or in a team of workers."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import stage_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.models.helpers import kept_weights
from pipeline.result import StageResult
from pipeline.strategies.base import Decision
from pipeline.training import checkpoint
from pipeline.training.closing import Closed, close_stage, needs_closing
from pipeline.training.examine import Examined, examiner_of
from pipeline.training.feed import Feed
from pipeline.training.finished import finished_result
from pipeline.training.history import History
from pipeline.training.job import StageJob
from pipeline.training.resume import begun, restore, save_if_due
from pipeline.training.setup import Setup, build_setup
from pipeline.training.sheet import batch_strip
from pipeline.training.step import edited_batch, train_step
from pipeline.training.sums import EpochSums
from pipeline.training.team import Team

CHECK_EVERY_STEPS = 50  # all ranks agree on a finite loss this often, and at the end of every epoch


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What a person watching wants to know."""

    epoch: int
    num_epochs: int
    loss: float
    val_top1: float
    by: str = ""  # who is right so often, where it is not the classifier


@dataclass(frozen=True, slots=True)
class Trained:
    """A stage at its end."""

    result: StageResult  # the same on every rank
    model: nn.Module  # the network to keep, this rank's own


def train_epoch(setup: Setup, plan: EpochPlan, feed: Feed, history: History, team: Team) -> EpochSums:
    """One pass over the planned batches.

    Raises:
        Diverged: on all ranks, when the loss is no longer finite.
    """
    setup.network.train_only(setup.chain.trainable(setup.network.model, plan.epoch))
    sums = EpochSums(team.device)
    first = setup.first_step[plan.epoch]
    for i in range(setup.num_steps[plan.epoch]):
        batches = [feed.take("train", plan.epoch)[1] for _ in setup.my_shards]
        if i == 0 and plan.image_size_px not in history.image_size_px:
            # The first shard once more through the strategies: pure, with its own random stream.
            edited = edited_batch(setup, batches[0], first, setup.my_shards[0])
            with_targets = setup.task.uses_labels
            history.strips.append(batch_strip(edited, feed.mean, feed.std, plan.epoch, with_targets=with_targets))
        sums.add(train_step(setup, batches, plan, i, team), first + i)
        history.lr.append(max(group["lr"] for group in setup.optimizer.param_groups))
        if (i + 1) % CHECK_EVERY_STEPS == 0:
            sums.agree(team)
    sums.agree(team)
    return sums


def kept_model(setup: Setup, epoch: int, team: Team) -> nn.Module:
    """The network to evaluate after an epoch, the same on every rank."""
    model = setup.network.model
    setup.shards.load_mean(team)
    setup.chain.after_epoch(model, epoch)
    kept = setup.chain.eval_model(model)
    if kept is not model:
        team.average_buffers(kept)
    return kept


def train_stage(
    job: StageJob,
    data: DataHandle,
    team: Team,
    share: StreamShare,
    watch: Callable[[EpochReport], None],
    history: History | None = None,
) -> StageResult:
    """Train one stage from its last checkpoint (or from the start) to the end, and evaluate it.

    Rank 0 writes checkpoints and the final weights; every rank returns the same result.

    Args:
        job: what to train.
        data: its images.
        team: this rank among the others.
        share: of the node's CPUs for the stream.
        watch: told about each epoch.
        history: an empty one, filled while the stage trains: whoever made it has the curves of a stage that fails.

    Raises:
        Diverged: on all ranks, when the loss is no longer finite.
    """
    trained = train_network(job, data, team, share, watch, history)
    if team.rank == 0:
        kept = kept_weights(job.spec.task.plain_network(trained.model))
        checkpoint.save_atomically({"model": kept}, job.model_path(job.key))
    return trained.result


def train_network(
    job: StageJob,
    data: DataHandle,
    team: Team,
    share: StreamShare,
    watch: Callable[[EpochReport], None],
    history: History | None = None,
) -> Trained:
    """The same, without keeping the final weights."""
    spec, budget = job.spec, job.spec.budget
    job, state = begun(job, team.device)
    setup = build_setup(job, data, team)
    history = history or History()
    history.num_parts = setup.num_parts
    first_epoch = restore(state, setup, history)
    writer = checkpoint.CheckpointWriter(job.checkpoint, job.checkpoint_interval_s)
    examiner, seed = examiner_of(job, data, setup, team), setup.chain.seed
    plan = (setup.index, examiner.splits, setup.plans[first_epoch:], budget, spec.data.eval_size_px, seed)
    planned = stage_batches(*plan, team.rank, team.world_size)
    stream = open_stream(planned, spec.data, setup.chain.row_transforms(), seed, data.prepared, share)
    feed = Feed(stream, spec, data.num_classes, team)
    kept: nn.Module = setup.network.model
    examined = Examined({}, {}, 0.0)
    epoch = first_epoch
    resumed_busy_s, resumed_wait_s, start = history.busy_s, history.wait_s, time.perf_counter()
    try:
        for plan_e in setup.plans[first_epoch:]:
            epoch = plan_e.epoch
            sums = train_epoch(setup, plan_e, feed, history, team)
            readings = setup.chain.readings()
            eval_start = time.perf_counter()
            kept = kept_model(setup, epoch, team)
            examined = examiner.examine(kept, feed, epoch)
            now = time.perf_counter()
            history.eval_s += now - eval_start
            history.busy_s, history.wait_s = resumed_busy_s + now - start, resumed_wait_s + feed.wait_s
            history.samples_seen += setup.num_steps[epoch] * plan_e.images_per_step
            losses = sums.means(team, setup.num_steps[epoch])
            val = {f"val/{name}": value for name, value in examined.metrics.items()}
            train = {f"train/{name}": value for name, value in {**losses, **team.mean(readings)}.items()}
            history.add_epoch(epoch, plan_e.image_size_px, train | val)
            history.log.append(
                f"epoch {epoch + 1}/{budget.epochs} {plan_e.image_size_px}px loss {losses['loss']:.4f} val "
                f"{' '.join(f'{name} {value:.4f}' for name, value in examined.metrics.items())} "
                f"{history.busy_s:.1f}s (waited {history.wait_s:.1f}s)"
            )
            history.log += examined.warnings
            watch(EpochReport(epoch + 1, budget.epochs, losses["loss"], examined.accuracy, examined.by))
            setup.rate.after_eval(val)
            if setup.chain.after_eval(val) is Decision.STOP and epoch + 1 < budget.epochs:
                history.log.append(f"stopped after epoch {epoch + 1} of {budget.epochs}")
                break
            if epoch + 1 < budget.epochs:  # after the last epoch there is nothing left to resume
                save_if_due(setup, history, epoch + 1, writer, team)
    finally:
        stream.close()
        writer.wait()
    history.log += setup.chain.remarks()
    if needs_closing(setup):
        closed = close_stage(job, data, setup, kept, epoch, team, share)
        history.busy_s = resumed_busy_s + time.perf_counter() - start
    else:
        closed = Closed(kept, examined.predictions, examiner.conclude(examined), {}, examined.warnings)
    return Trained(finished_result(job, data, setup, history, closed, team), closed.model)
