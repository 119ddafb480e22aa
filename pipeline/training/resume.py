"""What a stage puts into its checkpoint, and how it goes on from one."""

from dataclasses import replace
from typing import Any

import torch

from pipeline.training import checkpoint
from pipeline.training.history import History
from pipeline.training.job import StageJob
from pipeline.training.setup import Setup
from pipeline.training.team import Team


def begun(job: StageJob, device: torch.device) -> tuple[StageJob, dict[str, Any] | None]:
    """The job as it goes on, and its last checkpoint, if there is one to go on from.

    Batch norm makes a training with other micro-batches another one, and a record speaks of one: a checkpoint with more
    of them is gone on from alike, one with fewer is left alone.
    """
    if not job.checkpoint.exists():
        return job, None
    state = checkpoint.load(job.checkpoint, device)
    num_parts = state["history"].get("num_parts", 1)
    return (job, None) if num_parts < job.num_parts else (replace(job, num_parts=num_parts), state)


def restore(state: dict[str, Any] | None, setup: Setup, history: History) -> int:
    """Load a checkpoint into the setup and the history, if there is one. Returns the next epoch."""
    if state is None:
        return 0
    setup.network.model.load_state_dict(state["model"])
    setup.optimizer.load_state_dict(state["optimizer"])
    setup.rate.load_state_dict(state["rate"])
    setup.scaler.load_state_dict(state["scaler"])
    setup.shards.load_state(state["shards"])
    setup.chain.load_state_dict(state["strategies"])
    history.load_state_dict(state["history"])
    history.log.append(f"resumed after epoch {state['epoch']}")
    return state["epoch"]


def save_if_due(setup: Setup, history: History, epoch: int, writer: checkpoint.CheckpointWriter, team: Team) -> None:
    """Rank 0's clock decides for all, since every rank has shards to contribute."""
    if not team.gather(writer.due())[0]:
        return
    shards = setup.shards.state(team)

    def state() -> dict[str, Any]:
        return {
            "epoch": epoch,
            "model": setup.network.model.state_dict(),
            "optimizer": setup.optimizer.state_dict(),
            "rate": setup.rate.state_dict(),
            "scaler": setup.scaler.state_dict(),
            "shards": shards,
            "strategies": setup.chain.state_dict(),
            "history": history.state_dict(),
        }

    if team.rank == 0:
        writer.save(state)
