"""Everything a stage trains with, built from its job."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch.optim import Optimizer

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan, TrainIndex, without_labels
from pipeline.data.plan import shards_of, steps_per_epoch
from pipeline.experiment import StageSpec
from pipeline.spec.base import derive_seed
from pipeline.spec.data import FullImage
from pipeline.spec.errors import SpecError
from pipeline.strategies.base import StageContext
from pipeline.strategies.chain import Chain, overrides
from pipeline.tasks.base import Task
from pipeline.training.initial import initial_model, load_teacher
from pipeline.training.job import StageJob
from pipeline.training.labelling import label_pool
from pipeline.training.network import Network, placed
from pipeline.training.optimizer import build_optimizer, param_options
from pipeline.training.precision import Resolved, gradient_scaler, resolve_precision
from pipeline.training.schedule import RateControl
from pipeline.training.shards import ShardBuffers
from pipeline.training.team import Team
from pipeline.types import LossFn


@dataclass(frozen=True, slots=True)
class Setup:
    """A stage ready to run its first (or next) epoch."""

    network: Network
    chain: Chain
    task: Task
    loss_fn: LossFn
    optimizer: Optimizer
    rate: RateControl
    scaler: torch.amp.GradScaler
    shards: ShardBuffers
    my_shards: range
    index: TrainIndex
    plans: list[EpochPlan]
    num_steps: list[int]  # of each epoch
    first_step: list[int]  # of each epoch, counted from the start of training
    precision: Resolved
    num_parts: int  # micro-batches of a shard


def views_are_fixed(spec: StageSpec) -> bool:
    """Whether every training image is always shown in one and the same way.

    True only where nothing can change an image: no crop or flip that draws, and no strategy that edits images, batches
    or plans, even if this one would leave the pixels alone.
    """
    augment = spec.data.augment
    editing = ("row_transforms", "edit_batch", "plan_epoch")
    return (
        isinstance(augment.crop, FullImage)
        and augment.horizontal_flip_prob == 0
        and not any(overrides(config.trick.runtime, hook) for config in spec.strategies for hook in editing)
    )


def build_chain(job: StageJob, data: DataHandle, team: Team) -> Chain:
    """The stage's strategies at work."""
    spec = job.spec
    context = StageContext(
        seed=job.seed,
        num_classes=spec.model.head_size(data.num_classes),
        num_epochs=spec.budget.epochs,
        device=team.device,
        load_teacher=lambda ref: load_teacher(job, ref, data.num_classes, team.device),
        label_pool=lambda name, soft: label_pool(job, data, team, name, soft, lambda j: build_chain(j, data, team)),
        class_names=data.class_names,
        image_size_px=spec.data.image_size_px,
        mean_rgb=spec.data.mean,
        num_fixed_rows=len(data.ids) if views_are_fixed(spec) else 0,
    )
    return Chain(spec.strategies, context)


def build_setup(job: StageJob, data: DataHandle, team: Team) -> Setup:
    """Build model, strategies, optimizer and plans. Deterministic in (job, data); the same on every rank."""
    spec = job.spec
    if spec.budget.num_shards % team.world_size:
        raise SpecError(
            f"budget.num_shards={spec.budget.num_shards} cannot be shared by {team.world_size} workers; make "
            "it a multiple"
        )
    for config in spec.strategies:
        if reason := config.team_fault(spec, team.world_size, team.device.type):
            raise SpecError(f"strategies: {config.kind}: {reason}")
    if reason := spec.task.team_fault(spec, team.world_size):
        raise SpecError(f"task: {reason}")
    chain = build_chain(job, data, team)
    index = chain.edit_dataset(data.train)
    index = index if spec.task.uses_labels else without_labels(index)
    plans = chain.plan_epochs(spec.data.image_size_px, spec.budget.batch_size, spec.task.num_views)
    if not len(index.pool.rows) and any(plan.pool_ratio for plan in plans):
        raise SpecError(
            "data: no unlabelled image is left, but a strategy learns from them; lower data.labeled_frac, or point "
            "data.unlabeled at a folder of images that are not in val or test"
        )
    num_steps = [steps_per_epoch(len(index.rows), plan.batch_size) for plan in plans]
    if min(num_steps) < 1:
        largest = max(plan.batch_size for plan in plans)
        grown = f", which grows to {largest} with these strategies," if largest > spec.budget.batch_size else ""
        raise SpecError(
            f"budget.batch_size={spec.budget.batch_size}{grown} is larger than the training split "
            f"({len(index.rows)} images); lower it"
        )
    plain = initial_model(job, chain.seed, data.num_classes, team.device)
    torch.manual_seed(derive_seed(chain.seed, "init", "task"))
    model = placed(spec.task.network(plain, spec.data.image_size_px), team.device, spec.memory_format)
    chain.add_helpers(model)
    optimizer = build_optimizer(spec.optimizer, model, chain.edit_params(param_options(spec.optimizer, model), model))
    precision = resolve_precision(spec.precision, team.device.type)
    my_shards = shards_of(team.rank, team.world_size, spec.budget.num_shards)
    return Setup(
        network=Network(model, team, spec.compile),
        chain=chain,
        task=spec.task,
        loss_fn=chain.wrap_loss(spec.task.loss_fn(team)),
        optimizer=chain.wrap_optimizer(optimizer),
        rate=RateControl(spec.schedule, optimizer, spec.budget.epochs),
        scaler=gradient_scaler(precision, team.device.type),
        shards=ShardBuffers(model, my_shards, spec.budget.num_shards),
        my_shards=my_shards,
        index=index,
        plans=plans,
        num_steps=num_steps,
        first_step=[0, *accumulate(num_steps)][:-1],
        precision=precision,
        num_parts=job.num_parts,
    )
