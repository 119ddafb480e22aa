"""Unfreezing changes which gradients the workers exchange: DDP is wrapped anew at each turn, on both of them."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.multiprocessing.spawn import start_processes

from pipeline.contract.stages import digits_stage, stage_job
from pipeline.data.handle import DataHandle
from pipeline.training.team import Team
from tests.pipeline.training.watching import Watched, watch_rank, watched_job

SPEC = digits_stage(
    {"kind": "gradual_unfreezing", "full_at_frac": 0.9}, budget={"epochs": 5, "batch_size": 64, "num_shards": 2}
)
NUM_LEARNING = [2, 2, 5, 8, 11]  # parameters of the last 1, 1, 2, 3, 4 blocks: at 0, 0.2, 0.4 ... of 0.9


@pytest.fixture(scope="module")
def ranks(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> list[Watched]:
    folder = tmp_path_factory.mktemp("ranks")
    job = stage_job(SPEC, folder)
    start_processes(watch_rank, (folder, job, digits), nprocs=2, start_method="spawn")
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


def test_both_ranks_train_the_same_blocks_to_the_same_weights(ranks: list[Watched]) -> None:
    first, second = ranks
    assert [len(names) for names in first.with_optimizer_state] == NUM_LEARNING
    assert first.with_optimizer_state == second.with_optimizer_state
    for state, other in zip(first.states, second.states, strict=True):
        assert state.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in state.items())


def test_frozen_blocks_keep_every_bit_until_their_turn(ranks: list[Watched]) -> None:
    seen = ranks[0]
    for epoch, (before, after) in enumerate(pairwise([seen.start, *seen.states])):
        for name, value in after.items():
            owner = f"{name.rpartition('.')[0]}.weight" if "running" in name else name  # statistics go with their scale
            learned = owner in seen.with_optimizer_state[epoch]
            assert torch.equal(value, before[name]) == (not learned), (epoch, name)
    assert seen.with_optimizer_state[-1] == {name for name in seen.start if "running" not in name}, "all learn at last"


def test_it_is_what_one_worker_does_up_to_rounding(ranks: list[Watched], digits: DataHandle, tmp_path: Path) -> None:
    alone = watched_job(stage_job(SPEC, tmp_path), digits, Team.alone())
    assert alone.with_optimizer_state == ranks[0].with_optimizer_state
    for name, value in alone.states[-1].items():
        torch.testing.assert_close(ranks[0].states[-1][name], value, rtol=2e-3, atol=2e-3, msg=name)
