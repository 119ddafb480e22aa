"""A rank's batches in the order of the plan, as tensors, with the time spent waiting for them."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pipeline.data.plan import PlannedBatch, Use
from pipeline.data.stream import PixelStream
from pipeline.experiment import StageSpec
from pipeline.tasks.classify import one_hot
from pipeline.training.evaluate import normalize
from pipeline.training.network import MEMORY_FORMATS
from pipeline.training.team import Team
from pipeline.types import Batch


class Feed:
    """Turns pixels into batches on the device."""

    def __init__(self, stream: PixelStream, spec: StageSpec, data_classes: int, team: Team) -> None:
        self._items: Iterator[tuple[PlannedBatch, np.ndarray]] = iter(stream)
        self._num_classes = spec.model.head_size(data_classes)
        self._memory_format = MEMORY_FORMATS[spec.memory_format]
        self._device, self._pulse = team.device, team.pulse
        self.mean = torch.tensor(spec.data.mean, device=team.device)
        self.std = torch.tensor(spec.data.std, device=team.device)
        self.wait_s = 0.0

    def take(self, role: Use, epoch: int) -> tuple[PlannedBatch, Batch]:
        """The next batch; it must be of this role and epoch."""
        planned, pixels = self._next()
        assert (planned.role, planned.epoch) == (role, epoch), f"plan says {planned.role} of epoch {planned.epoch}"
        pool = tuple(self._images(self._next()[1]) for _ in range(planned.num_following))
        return planned, self._batch(planned, pixels, pool)

    def _next(self) -> tuple[PlannedBatch, np.ndarray]:
        self._pulse.beat()
        start = time.perf_counter()
        item = next(self._items)
        self.wait_s += time.perf_counter() - start
        return item

    def _images(self, pixels: np.ndarray) -> Tensor:
        images = normalize(pixels, self._device, self.mean, self.std)
        return images.contiguous(memory_format=self._memory_format)

    def _batch(self, planned: PlannedBatch, pixels: np.ndarray, pool: tuple[Tensor, ...]) -> Batch:
        """Pixels and labels as tensors on the device."""
        labels = torch.from_numpy(planned.labels.copy()).to(self._device, non_blocking=True)
        rows = torch.from_numpy(planned.rows.copy()).to(self._device, non_blocking=True)
        targets = one_hot(labels, self._num_classes)
        return Batch(self._images(pixels), labels, targets, rows=rows, pool=pool, num_views=planned.num_views)
