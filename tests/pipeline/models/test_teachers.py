import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.models import teachers
from pipeline.models.teachers import Teachers, mean_log_probs
from pipeline.types import Batch

NUM_ROWS = 10


class Counting(nn.Module):
    """Says the mean pixel for every class, and counts what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images: Tensor) -> Tensor:
        self.shown += len(images)
        return images.mean(dim=(1, 2, 3))[:, None] * self.scale


def batch_of(rows: list[int]) -> Batch:
    images = torch.tensor(rows, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 4, 4)
    return Batch(
        images, torch.zeros(len(rows), dtype=torch.int64), torch.eye(3)[[0] * len(rows)], rows=torch.tensor(rows)
    )


def ensemble(num_rows: int) -> tuple[Teachers[int], list[Counting]]:
    networks = [Counting(), Counting()]
    return Teachers((0, 1), lambda i: networks[i], num_rows), networks


def test_every_image_is_asked_about_once_where_views_are_fixed() -> None:
    cached, networks = ensemble(NUM_ROWS)
    asked, _ = ensemble(0)
    for rows in ([3, 1, 2], [0, 4, 5], [1, 2, 3], [5, 4, 0]):
        got = cached.logits(batch_of(rows))
        assert torch.equal(got, asked.logits(batch_of(rows)))
        assert got.shape == (3, 2, 3)
        assert not got.requires_grad
    assert [network.shown for network in networks] == [6, 6]
    assert cached.remarks == ("the teacher's logits were cached: every image has one view",)


def test_a_batch_with_one_new_image_is_asked_about_whole() -> None:
    cached, networks = ensemble(NUM_ROWS)
    cached.logits(batch_of([1, 2]))
    got = cached.logits(batch_of([2, 7]))
    assert got[:, 0, 0].tolist() == [2.0, 7.0]
    assert networks[0].shown == 4
    cached.logits(batch_of([7, 1]))
    assert networks[0].shown == 4


def test_nothing_is_kept_where_views_differ_or_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, networks = ensemble(0)
    for _ in range(2):
        plain.logits(batch_of([1, 2]))
    assert (networks[0].shown, plain.remarks) == (4, ())
    monkeypatch.setattr(teachers, "MAX_CACHE_BYTES", 4 * NUM_ROWS * 2 * 3 - 1)
    large, networks = ensemble(NUM_ROWS)
    for _ in range(2):
        large.logits(batch_of([1, 2]))
    assert (networks[0].shown, large.remarks) == (4, ())


def test_the_mean_is_one_of_probabilities() -> None:
    logits = torch.tensor([[[0.0, 3.0], [2.0, 0.0]]], dtype=torch.float64)
    first, second = 1 / (1 + math.exp(3.0)), 1 / (1 + math.exp(-2.0))
    expected = (first + second) / 2
    torch.testing.assert_close(mean_log_probs(logits, 1.0).exp()[0, 0].item(), expected, rtol=1e-6, atol=0)
    one = mean_log_probs(logits[:, :1], 2.0)
    assert torch.equal(one, (logits[:, 0] / 2.0).log_softmax(1)), "of one teacher, bit for bit its own"
