"""Trains a stage and looks at its network and optimizer after every epoch."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
from torch import Tensor

from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.training import loop
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.setup import Setup, build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import SHARE, stage_job


@dataclass
class Watched:
    """What was seen."""

    start: dict[str, Tensor] = field(default_factory=dict)
    states: list[dict[str, Tensor]] = field(default_factory=list)  # of the network, after each epoch
    with_optimizer_state: list[set[str]] = field(default_factory=list)  # names of parameters, after each epoch


def state_of(setup: Setup) -> dict[str, Tensor]:
    """Floating-point parameters and buffers, copied; counters of steps are left out."""
    state = setup.network.model.state_dict()
    return {name: value.clone() for name, value in state.items() if value.is_floating_point()}


def watched_job(job: StageJob, data: DataHandle, team: Team) -> Watched:
    """Train this job."""
    seen, setups = Watched(), []

    def build(*args: Any) -> Setup:
        setups.append(build_setup(*args))
        seen.start = state_of(setups[0])
        return setups[0]

    def look(_: EpochReport) -> None:
        setup = setups[0]
        seen.states.append(state_of(setup))
        names = {id(p): name for name, p in setup.network.model.named_parameters()}
        seen.with_optimizer_state.append({names[id(p)] for p, own in setup.optimizer.state.items() if own})

    with mock.patch.object(loop, "build_setup", build):
        train_stage(job, data, team, SHARE, look)
    return seen


def watched_training(spec: StageSpec, data: DataHandle, folder: Path) -> Watched:
    """Train this stage with one worker."""
    return watched_job(stage_job(spec, folder), data, Team.alone())


def watch_rank(rank: int, folder: Path, job: StageJob, data: DataHandle) -> None:
    """Train the job as one of two gloo ranks, in a process of its own; writes FOLDER/RANK.pt."""
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    mine = replace(job, checkpoint=folder / f"rank-{rank}" / "last.pt")
    torch.save(watched_job(mine, data, Team(rank, 2, torch.device("cpu"))), folder / f"{rank}.pt")
    dist.destroy_process_group()
