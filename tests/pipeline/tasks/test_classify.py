import math

import torch
from torch.nn import functional

from pipeline.tasks.classify import cross_entropy, one_hot
from pipeline.types import Batch


def test_hard_targets_are_torchs_cross_entropy() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 3, 1, 1, 2, 0])
    batch = Batch(torch.zeros(6, 3, 2, 2), labels, one_hot(labels, 4))
    torch.testing.assert_close(
        cross_entropy(logits, batch), {"cross_entropy": functional.cross_entropy(logits, labels)}
    )


def test_soft_targets_are_the_sum_written_out() -> None:
    logits, targets = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]]), torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        normalizer = math.log(sum(math.exp(x) for x in row))
        total -= sum(y * (x - normalizer) for x, y in zip(row, target, strict=True))
    batch = Batch(torch.zeros(2, 3, 2, 2), torch.tensor([1, 1]), targets)
    torch.testing.assert_close(cross_entropy(logits, batch)["cross_entropy"], torch.tensor(total / 2))


def test_one_hot() -> None:
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert one_hot(torch.tensor([0]), 2).dtype == torch.float32
