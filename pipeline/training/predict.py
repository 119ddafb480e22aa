"""A network's predictions for a whole split, during training and after it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.data.listing import Role
from pipeline.data.plan import EvalRows, PlannedBatch, eval_batches
from pipeline.strategies.chain import Chain
from pipeline.training.evaluate import merge_in_order, summarize_probs
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.precision import Resolved, number_format
from pipeline.training.team import Team

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Predictor:
    """How a stage's networks are asked: through its strategies, in its number format."""

    chain: Chain
    precision: Resolved
    team: Team

    def logits(self, model: nn.Module, feed: Feed, role: Role, epoch: int, num_batches: int) -> dict[int, Tensor]:
        """This rank's batches of the split, by their number: [N, K] float32."""
        return self._each(model, feed, role, epoch, num_batches, lambda logits, _: logits)

    def predictions(
        self, model: nn.Module, feed: Feed, role: Role, epoch: int, num_batches: int
    ) -> dict[str, np.ndarray]:
        """Take this rank's batches of the split from the feed; every rank returns all rows, in the split's order."""
        mine = self._each(
            model, feed, role, epoch, num_batches, lambda logits, labels: summarize_probs(logits.softmax(dim=1), labels)
        )
        return merge_in_order(self.team.gather(mine))

    def _each(
        self, model: nn.Module, feed: Feed, role: Role, epoch: int, num_batches: int, use: Callable[[Tensor, Tensor], T]
    ) -> dict[int, T]:
        model.eval()
        mine: dict[int, T] = {}
        with torch.inference_mode(), number_format(self.precision, self.team.device.type):
            for _ in range(num_batches):
                planned, batch = feed.take(role, epoch)
                mine[planned.step] = use(self.chain.predict(model, batch.images).float(), batch.labels)
        return mine


def planned_eval(split: EvalRows, epoch: int, job: StageJob, team: Team) -> list[PlannedBatch]:
    """This rank's batches of a split."""
    spec = job.spec
    size, per_batch = spec.data.eval_size_px, spec.budget.eval_batch_size
    return list(eval_batches(split, epoch, size, per_batch, team.rank, team.world_size))
