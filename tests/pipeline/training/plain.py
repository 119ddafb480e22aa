"""Training as anybody would write it, with nothing of the project but crops, order and starting weights."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

from pipeline.data.crops import Crops, central_crops, cut, train_crops
from pipeline.data.handle import DataHandle
from pipeline.data.plan import PlannedBatch
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.base import derive_seed
from pipeline.spec.data import Digits

SPEC = Digits()


@dataclass
class PlainRun:
    """Losses of every step, validation losses of every epoch, probabilities of the last."""

    losses: list[float] = field(default_factory=list)
    val_nll: list[float] = field(default_factory=list)
    val_probs: Tensor = field(default_factory=lambda: torch.empty(0))

    def first_bad_step(self) -> int:
        """The first step whose loss is not finite."""
        return next(step for step, loss in enumerate(self.losses) if not math.isfinite(loss))


def pictures(data: DataHandle, rows: np.ndarray, crops: Crops) -> Tensor:
    """[N, 3, 16, 16] normalized, from scikit-learn's own arrays."""
    digits: Any = load_digits()
    grey = digits.images[[int(data.ids[row].removeprefix("digit-")) for row in rows]]
    out = np.empty((len(rows), 16, 16, 3), dtype=np.uint8)
    cut([np.stack([picture] * 3, axis=2) for picture in np.round(grey * 255 / 16).astype(np.uint8)], crops, out)
    return ((torch.from_numpy(out).float() / 255 - torch.tensor(SPEC.mean)) / torch.tensor(SPEC.std)).permute(
        0, 3, 1, 2
    )


def plain_training(
    data: DataHandle, seed: int, lr: float | Sequence[float], num_shards: int = 1, epochs: int = 3
) -> PlainRun:
    """A width-4 network, SGD with momentum 0.9 and weight decay 5e-5, batches of 64.

    `lr` may be a rate for each step.
    """
    torch.manual_seed(derive_seed(seed, "init"))
    model = SmallCnnNet(10, 4, 0.0)
    rates = iter(lr if isinstance(lr, Sequence) else itertools.repeat(lr))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, weight_decay=5e-5)
    train, val = data.train, data.evals["val"]
    eight = np.full(len(val.rows), 8)
    val_images = pictures(data, val.rows, central_crops(eight, eight, 1.0))
    run = PlainRun()
    for epoch in range(epochs):
        order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(len(train.rows))
        model.train()
        for step in range(len(order) // 64):
            batch = order[64 * step : 64 * step + 64]
            size = 64 // num_shards
            loss = 0.0
            optimizer.zero_grad()
            for shard in range(num_shards):
                pick = batch[shard * size : shard * size + size]
                eight, rows, keys = np.full(size, 8), train.rows[pick], train.keys[pick]
                planned = PlannedBatch("train", epoch, step, shard, rows, keys, train.labels[pick], 16)
                crops = train_crops(SPEC, seed, planned, eight, eight)
                images, labels = pictures(data, train.rows[pick], crops), torch.from_numpy(train.labels[pick])
                part = functional.cross_entropy(model(images), labels) / num_shards
                part.backward()
                loss += float(part.detach())
            optimizer.param_groups[0]["lr"] = next(rates)
            optimizer.step()
            run.losses.append(loss)
        model.eval()
        with torch.no_grad():
            run.val_probs = model(val_images).softmax(dim=1)
        truth = run.val_probs[torch.arange(len(val.rows)), torch.from_numpy(val.labels)]
        run.val_nll.append(float(-truth.double().log().mean()))
    return run
