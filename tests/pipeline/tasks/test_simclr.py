"""The loss against a slow loop over pairs, and against what scikit-learn makes of its parts.

No library that has the loss itself (lightly, solo-learn, pytorch-metric-learning) is among the dependencies.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor
from torch.nn import functional

from pipeline.contract.samples import make_batch
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.tasks.base import PretrainingNet
from pipeline.tasks.simclr import SimClr, SimClrNet, nt_xent
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage


def slow_loss(projections: Tensor, temperature: float) -> float:
    """Equation 1 and algorithm 1 of the paper, pair by pair.  projections: [2 N, D], not normalized."""
    n = len(projections) // 2

    def similarity(i: int, j: int) -> float:
        return float(functional.cosine_similarity(projections[i], projections[j], dim=0))

    total = 0.0
    for i in range(2 * n):
        j = i + n if i < n else i - n
        below = sum(math.exp(similarity(i, k) / temperature) for k in range(2 * n) if k != i)
        total -= math.log(math.exp(similarity(i, j) / temperature) / below)
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_the_loss_is_that_of_the_slow_loop(temperature: float) -> None:
    torch.manual_seed(1)
    projections = torch.randn(10, 6)
    rows = functional.normalize(projections, dim=1)
    assert nt_xent(rows, rows, 0, temperature).item() == pytest.approx(slow_loss(projections, temperature), rel=1e-5)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_loss_is_scikit_learns_log_loss_of_finding_the_other_view(temperature: float) -> None:
    """Its cosines, scipy's softmax over all others, its log loss with the other view as the true class."""
    torch.manual_seed(8)
    projections = torch.randn(12, 5, dtype=torch.float64)
    similar = cosine_similarity(projections.numpy()) / temperature
    np.fill_diagonal(similar, -np.inf)
    partner = (np.arange(12) + 6) % 12
    expected = log_loss(partner, softmax(similar, axis=1), labels=np.arange(12))
    rows = functional.normalize(projections, dim=1)
    assert nt_xent(rows, rows, 0, temperature).item() == pytest.approx(expected, rel=1e-9)


def test_views_that_agree_and_images_at_right_angles_have_the_loss_of_the_formula() -> None:
    rows = torch.eye(4).repeat(2, 1)  # four images, two equal views each
    expected = -math.log(math.exp(1 / 0.5) / (math.exp(1 / 0.5) + 6))
    assert nt_xent(rows, rows, 0, 0.5).item() == pytest.approx(expected, rel=1e-6)


def test_each_workers_part_of_a_joined_batch_adds_up_to_the_loss_of_the_batch() -> None:
    """By hand, over all candidates: a row looks for its partner among everybody's, and itself does not count."""
    torch.manual_seed(2)
    parts = [functional.normalize(torch.randn(6, 5), dim=1) for _ in range(2)]
    joined = torch.cat(parts)
    losses = []
    for worker, part in enumerate(parts):
        for i, row in enumerate(part):
            partner = joined[6 * worker + (i + 3) % 6]
            others = [k for k in range(12) if k != 6 * worker + i]
            below = sum(math.exp(float(row @ joined[k]) / 0.5) for k in others)
            losses.append(-math.log(math.exp(float(row @ partner) / 0.5) / below))
    got = [nt_xent(part, joined, 6 * worker, 0.5).item() for worker, part in enumerate(parts)]
    assert sum(got) / 2 == pytest.approx(sum(losses) / 12, rel=1e-5)


def test_it_is_computed_in_full_precision_under_autocast() -> None:
    torch.manual_seed(3)
    rows = functional.normalize(torch.randn(16, 8), dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = nt_xent(rows, rows, 0, 0.1)
    assert torch.equal(got, nt_xent(rows, rows, 0, 0.1))


def test_the_length_of_projections_does_not_matter() -> None:
    torch.manual_seed(4)
    outputs, batch = torch.randn(8, 5), replace(make_batch(8), num_views=2)
    loss = SimClr().loss_fn(Team.alone())
    assert loss(outputs, batch)["nt_xent"].item() == pytest.approx(loss(7 * outputs, batch)["nt_xent"].item())


def test_alone_the_whole_batch_and_the_shard_are_the_same() -> None:
    torch.manual_seed(5)
    outputs, batch = torch.randn(8, 5), replace(make_batch(8), num_views=2)
    losses = [SimClr(negatives=name).loss_fn(Team.alone())(outputs, batch) for name in ("shard", "global")]
    assert torch.equal(losses[0]["nt_xent"], losses[1]["nt_xent"])


def test_the_head_learns_and_the_classifier_does_not() -> None:
    torch.manual_seed(6)
    plain = SmallCnnNet(10, 4, 0.0)
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    task = SimClr(projection_dim=7)
    net = task.network(plain, 16)
    assert isinstance(net, SimClrNet)
    assert plain.training, "as it was"
    for name, value in plain.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert net(torch.zeros(3, 3, 16, 16)).shape == (3, 7)
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {"plain.head.3.weight", "plain.head.3.bias"}
    assert task.plain_network(net) is plain


def test_features_are_what_the_classifier_reads() -> None:
    torch.manual_seed(7)
    net = PretrainingNet(SmallCnnNet(5, 3, 0.0)).eval()
    images = torch.randn(2, 3, 16, 16)
    plain = net.plain
    assert isinstance(plain, SmallCnnNet)
    torch.testing.assert_close(plain.get_classifier()(net.features(images)), plain(images))


def test_a_network_that_hides_its_features_is_refused() -> None:
    with pytest.raises(SpecError, match=r"Linear has no forward_features and no forward_head.*kind timm"):
        SimClr().network(torch.nn.Linear(3, 2), 16)


@pytest.mark.parametrize(("shards", "workers", "refused"), [(2, 2, False), (1, 1, False), (2, 1, True), (4, 2, True)])
def test_global_negatives_want_one_shard_for_each_worker(shards: int, workers: int, refused: bool) -> None:
    budget = {"epochs": 1, "batch_size": 64, "num_shards": shards}
    stage = digits_stage(task={"kind": "simclr", "negatives": "global"}, budget=budget)
    assert ("each worker must hold one shard" in (stage.task.team_fault(stage, workers) or "")) is refused
    assert digits_stage(task={"kind": "simclr"}, budget=budget).task.team_fault(stage, workers) is None
