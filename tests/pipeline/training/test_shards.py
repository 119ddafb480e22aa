import copy

import torch
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.training.shards import ShardBuffers
from pipeline.training.team import Team

TEAM = Team.alone()


def images(seed: int) -> torch.Tensor:
    return (seed + 1) * torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def network() -> SmallCnnNet:
    torch.manual_seed(0)
    return SmallCnnNet(4, 3, 0.0).train()


def statistics(model: nn.Module) -> list[torch.Tensor]:
    return [b.clone() for b in model.buffers() if b.is_floating_point()]


def test_each_shard_keeps_the_statistics_of_its_own_batches() -> None:
    """Against networks that each saw the batches of one shard only."""
    model = network()
    alone = [copy.deepcopy(model) for _ in range(3)]
    shards = ShardBuffers(model, range(3), 3)
    for step in range(4):
        for shard in range(3):
            shards.enter(shard)
            model(images(10 * step + shard))
            alone[shard](images(10 * step + shard))
    state = shards.state(TEAM)
    for shard in range(3):
        for got, expected in zip(state[shard], statistics(alone[shard]), strict=True):
            assert torch.equal(got, expected)
    shards.load_mean(TEAM)
    for i, got in enumerate(statistics(model)):
        expected = torch.stack([statistics(other)[i] for other in alone]).mean(dim=0)
        torch.testing.assert_close(got, expected)
        assert not torch.equal(got, statistics(alone[0])[i])


def test_the_mean_is_only_for_evaluation() -> None:
    model = network()
    shards = ShardBuffers(model, range(2), 2)
    for shard in range(2):
        shards.enter(shard)
        model(images(shard))
    before = shards.state(TEAM)
    shards.load_mean(TEAM)
    shards.enter(1)
    for got, expected in zip(statistics(model), before[1], strict=True):
        assert torch.equal(got, expected)


def test_the_state_survives_a_restart() -> None:
    model = network()
    shards = ShardBuffers(model, range(2), 2)
    for shard in range(2):
        shards.enter(shard)
        model(images(shard))
    state, weights = shards.state(TEAM), model.state_dict()
    other = network()
    other.load_state_dict(weights)
    resumed = ShardBuffers(other, range(2), 2)
    resumed.load_state(state)
    for shard in range(2):
        shards.enter(shard)
        resumed.enter(shard)
        assert torch.equal(model(images(5)), other(images(5)))
        assert all(torch.equal(a, b) for a, b in zip(statistics(model), statistics(other), strict=True))


def test_a_rank_takes_only_its_own_shards_from_a_checkpoint() -> None:
    model = network()
    everything = ShardBuffers(model, range(4), 4)
    for shard in range(4):
        everything.enter(shard)
        model(images(shard))
    state = everything.state(TEAM)
    second = ShardBuffers(network(), range(2, 4), 4)
    second.load_state(state)
    mine = second.state(TEAM)
    assert sorted(mine) == [2, 3]
    assert all(torch.equal(a, b) for a, b in zip(mine[3], state[3], strict=True))


def test_one_shard_needs_no_copies() -> None:
    model = network()
    shards = ShardBuffers(model, range(1), 1)
    shards.enter(0)
    model(images(0))
    expected = statistics(model)
    shards.load_mean(TEAM)
    assert all(torch.equal(a, b) for a, b in zip(statistics(model), expected, strict=True))
    assert shards.state(TEAM) == {}


def test_a_network_without_statistics() -> None:
    shards = ShardBuffers(nn.Linear(2, 2), range(2), 2)
    shards.enter(0)
    shards.load_mean(TEAM)
    assert shards.state(TEAM) == {0: [], 1: []}
