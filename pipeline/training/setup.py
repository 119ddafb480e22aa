"""Everything a stage trains with, built from its job."""

import json
from dataclasses import dataclass

import torch
from timm.scheduler.scheduler import Scheduler
from torch import nn
from torch.optim import Optimizer

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.plan import shards_of, steps_per_epoch
from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.spec.base import derive_seed
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.links import FromStage
from pipeline.strategies.base import LossFn, StageContext
from pipeline.strategies.chain import Chain
from pipeline.tasks.classify import cross_entropy
from pipeline.training import checkpoint
from pipeline.training.job import StageJob
from pipeline.training.optimizer import build_optimizer
from pipeline.training.precision import Resolved, gradient_scaler, resolve_precision
from pipeline.training.schedule import build_scheduler
from pipeline.training.shards import ShardBuffers
from pipeline.training.team import Team


@dataclass(frozen=True, slots=True)
class Setup:
    """A stage ready to run its first (or next) epoch."""

    model: nn.Module  # the bare network
    wrapped: nn.Module  # what the training step calls: the network, or DDP around it
    chain: Chain
    loss_fn: LossFn
    optimizer: Optimizer
    scheduler: Scheduler
    scaler: torch.amp.GradScaler
    shards: ShardBuffers
    my_shards: range
    index: TrainIndex
    plans: list[EpochPlan]
    steps_per_epoch: int
    precision: Resolved


def load_run_model(job: StageJob, key: str, num_classes: int, device: torch.device) -> nn.Module:
    """The network of a finished run with its final weights, in eval mode, without gradients.

    Raises:
        RecordError: the weights are gone.
    """
    path = job.model_path(key)
    if not path.exists():
        raise RecordError(f"run {key} is finished, but its weights {path} are gone; train it again")
    spec = StageSpec.model_validate(json.loads((job.runs_dir / key / "spec.json").read_text()))
    model = build_model(spec.model, num_classes)
    model.load_state_dict(checkpoint.load(path, device)["model"])
    return model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def initial_model(job: StageJob, seed: int, num_classes: int, device: torch.device) -> nn.Module:
    """A network with its starting weights."""
    torch.manual_seed(derive_seed(seed, "init"))
    model = build_model(job.spec.model, num_classes)
    if isinstance(job.spec.init, FromStage):
        state = checkpoint.load(job.model_path(job.ancestors[job.spec.init.stage]), torch.device("cpu"))
        model.load_state_dict(state["model"])
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload] - torch's stub lacks it


def build_setup(job: StageJob, data: DataHandle, team: Team) -> Setup:
    """Build model, strategies, optimizer and plans. Deterministic in (job, data); the same on every rank."""
    spec = job.spec
    if spec.budget.num_shards % team.world_size:
        raise SpecError(
            f"budget.num_shards={spec.budget.num_shards} cannot be shared by {team.world_size} workers; make "
            "it a multiple"
        )
    context = StageContext(
        seed=job.seed,
        num_classes=data.num_classes,
        num_epochs=spec.budget.epochs,
        device=team.device,
        load_stage_model=lambda name: load_run_model(job, job.ancestors[name], data.num_classes, team.device),
    )
    chain = Chain(spec.strategies, context)
    index = chain.edit_dataset(data.train)
    steps = steps_per_epoch(len(index.rows), spec.budget)
    if steps < 1:
        raise SpecError(
            f"budget.batch_size={spec.budget.batch_size} is larger than the training split ({len(index.rows)} images); "
            "lower it"
        )
    model = initial_model(job, chain.seed, data.num_classes, team.device)
    optimizer = build_optimizer(spec.optimizer, model)
    precision = resolve_precision(spec.precision, team.device.type)
    my_shards = shards_of(team.rank, team.world_size, spec.budget.num_shards)
    return Setup(
        model=model,
        wrapped=team.wrap(model),
        chain=chain,
        loss_fn=chain.wrap_loss(cross_entropy),
        optimizer=optimizer,
        scheduler=build_scheduler(spec.schedule, optimizer, steps, spec.budget.epochs),
        scaler=gradient_scaler(precision, team.device.type),
        shards=ShardBuffers(model, my_shards, spec.budget.num_shards),
        my_shards=my_shards,
        index=index,
        plans=chain.plan_epochs(spec.data.image_size_px),
        steps_per_epoch=steps,
        precision=precision,
    )
