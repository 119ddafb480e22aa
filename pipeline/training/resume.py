"""What a stage puts into its checkpoint, and how it goes on from one."""

from typing import Any

import torch

from pipeline.training import checkpoint
from pipeline.training.history import History
from pipeline.training.job import StageJob
from pipeline.training.setup import Setup
from pipeline.training.team import Team


def restore(job: StageJob, setup: Setup, history: History, device: torch.device) -> int:
    """Load the last checkpoint into the setup and the history, if there is one. Returns the next epoch."""
    if not job.checkpoint.exists():
        return 0
    state = checkpoint.load(job.checkpoint, device)
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
