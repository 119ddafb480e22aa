"""Rows gathered from all workers: values in rank order, and gradients back to whom a row came from."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.tasks.simclr import nt_xent
from pipeline.training.team import Team

IMAGES = torch.linspace(-1, 1, 12 * 4).reshape(12, 4).sin() + torch.arange(12)[:, None].cos()
"""Six images of two ranks: of each rank three first views, then three second ones."""

RANK = """
import sys
from datetime import timedelta
import torch
import torch.distributed as dist
from pipeline.training.team import Team
from tests.pipeline.training.test_join import IMAGES, loss_of, network
folder, rank = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2,
                        timeout=timedelta(seconds=60))
team, net = Team(rank, 2, torch.device("cpu")), network()
rows = net(IMAGES[6 * rank : 6 * rank + 6])
loss = loss_of(rows, team)
loss.backward()
torch.save({"joined": team.join(rows.detach()), "rows": rows.detach(), "loss": loss.detach(),
            "gradient": team.sum(net.weight.grad) / 2}, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3, bias=False)


def loss_of(rows: Tensor, team: Team) -> Tensor:
    mine = functional.normalize(rows, dim=1)
    return nt_xent(mine, team.join(mine), team.rank * len(mine), 0.5)


def test_alone_nothing_is_joined() -> None:
    rows = torch.ones(2, 3, requires_grad=True)
    assert Team.alone().join(rows) is rows


@pytest.mark.slow
def test_the_gradient_of_two_ranks_is_that_of_one_with_the_joined_batch(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", RANK, str(tmp_path), str(rank)] for rank in range(2)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for part in (first, second):
        assert torch.equal(part["joined"], torch.cat([first["rows"], second["rows"]]))
    net = network()
    views = torch.cat([IMAGES[[0, 1, 2, 6, 7, 8]], IMAGES[[3, 4, 5, 9, 10, 11]]])  # one worker's order of the same
    loss = loss_of(net(views), Team.alone())
    loss.backward()
    torch.testing.assert_close((first["loss"] + second["loss"]) / 2, loss.detach())
    torch.testing.assert_close(first["gradient"], net.weight.grad)
    assert torch.equal(first["gradient"], second["gradient"])
