"""The workers of one lane as one: who am I, sum this, give this to all. Works alone, without Ray."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.training.pulse import Pulse


class _Join(torch.autograd.Function):
    """Gathers rows; a row's gradient is the sum of what all ranks found for it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, team: "Team") -> Tensor:
        ctx.team = team
        parts = [torch.empty_like(values) for _ in range(team.world_size)]
        with team.pulse.waiting():
            dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = ctx.team.sum(gradients[0])
        return total.chunk(ctx.team.world_size)[ctx.team.rank], None


@dataclass(frozen=True, slots=True)
class Team:
    """Rank and size of a worker group, its device, and a sign of life."""

    rank: int
    world_size: int
    device: torch.device
    pulse: Pulse = field(default_factory=Pulse)

    @classmethod
    def alone(cls, device: str = "cpu") -> "Team":
        """One process, no process group."""
        return cls(0, 1, torch.device(device))

    def sum(self, values: Tensor) -> Tensor:
        """Element-wise sum over the ranks."""
        if self.world_size > 1:
            values = values.clone()
            with self.pulse.waiting():
                dist.all_reduce(values)
        return values

    def minimum(self, values: Tensor) -> Tensor:
        """Element-wise minimum over the ranks."""
        if self.world_size > 1:
            values = values.clone()
            with self.pulse.waiting():
                dist.all_reduce(values, op=dist.ReduceOp.MIN)
        return values

    def mean(self, readings: dict[str, float]) -> dict[str, float]:
        """Mean over the ranks, by name; all ranks have the same names."""
        everyones = self.gather(readings)
        return {name: sum(one[name] for one in everyones) / self.world_size for name in readings}

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank, in rank order."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        with self.pulse.waiting():
            dist.all_gather_object(values, value)
        return values

    def join(self, values: Tensor) -> Tensor:
        """[n, D] of each rank -> [ranks * n, D] in rank order. Gradients flow back to the rank that a row came from."""
        return values if self.world_size == 1 else _Join.apply(values, self)

    @torch.no_grad()
    def average_buffers(self, model: nn.Module) -> None:
        """Give every rank's copy of this network the mean of its batch statistics."""
        if self.world_size > 1:
            for buffer in model.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.sum(buffer) / self.world_size)

    def wrap(self, model: nn.Module) -> nn.Module:
        """Average gradients over the ranks. Buffers are not broadcast: each shard keeps its own (shards.py)."""
        if self.world_size == 1:
            return model
        ids = [self.device.index or 0] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)

    def no_sync(self, model: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Hold gradients back until the last shard of a step."""
        if isinstance(model, DistributedDataParallel) and not last:
            return model.no_sync()
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Gradients of this loss; the last shard's are averaged over the ranks."""
        if self.world_size > 1:
            with self.pulse.waiting():
                loss.backward()
        else:
            loss.backward()
