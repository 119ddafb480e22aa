"""Running statistics per shard, so that the number of workers does not change the network that is evaluated.

With W workers each rank's batch norm sees only its own shards; one worker would see all of them in turn. Each
shard therefore keeps its own copy of the running statistics, and evaluation uses their mean over all shards.
"""

import torch
from torch import Tensor, nn

from pipeline.training.team import Team


class ShardBuffers:
    """The floating-point buffers of a model, one copy per shard of this rank."""

    def __init__(self, model: nn.Module, shards: range, num_shards: int) -> None:
        self._buffers = [b for b in model.buffers() if b.is_floating_point()]
        self._num_shards = num_shards
        self._copies: dict[int, list[Tensor]] = {s: [b.detach().clone() for b in self._buffers] for s in shards}
        self._active: int | None = None

    @torch.no_grad()
    def enter(self, shard: int) -> None:
        """Give the model this shard's statistics."""
        if self._num_shards == 1 or self._active == shard or not self._buffers:
            return
        self._leave()
        torch._foreach_copy_(self._buffers, self._copies[shard])
        self._active = shard

    def _leave(self) -> None:
        """Take the active shard's statistics back from the model."""
        if self._active is not None:
            torch._foreach_copy_(self._copies[self._active], self._buffers)
            self._active = None

    @torch.no_grad()
    def load_local_mean(self) -> None:
        """Give the model the mean over this rank's shards: a mean of it over the ranks is the mean over all."""
        if self._num_shards == 1 or not self._buffers:
            return
        self._leave()
        for i, buffer in enumerate(self._buffers):
            buffer.copy_(torch.stack([copies[i] for copies in self._copies.values()]).mean(dim=0))

    @torch.no_grad()
    def load_mean(self, team: Team) -> None:
        """Give the model the mean over all shards of all ranks, for evaluation or for saving."""
        if self._num_shards == 1 or not self._buffers:
            return
        self._leave()
        for i, buffer in enumerate(self._buffers):
            total = torch.stack([copies[i] for copies in self._copies.values()]).sum(dim=0)
            buffer.copy_(team.sum(total) / self._num_shards)

    def state(self, team: Team) -> dict[int, list[Tensor]]:
        """Every shard's copies, from all ranks, on the CPU."""
        if self._num_shards == 1:
            return {}
        self._leave()
        mine = {shard: [t.cpu().clone() for t in copies] for shard, copies in self._copies.items()}
        merged: dict[int, list[Tensor]] = {}
        for part in team.gather(mine):
            merged.update(part)
        return merged

    @torch.no_grad()
    def load_state(self, state: dict[int, list[Tensor]]) -> None:
        """Take this rank's shards from a checkpoint written with any number of workers."""
        self._active = None
        for shard, copies in self._copies.items():
            if shard in state:
                for mine, saved in zip(copies, state[shard], strict=True):
                    mine.copy_(saved)
