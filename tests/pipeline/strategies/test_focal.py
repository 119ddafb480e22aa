import math
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from pipeline.strategies.chain import Chain
from pipeline.strategies.focal import FocalConfig, focus
from pipeline.tasks.classify import cross_entropy
from pipeline.types import Batch
from tests.pipeline.strategies.contract import context, make_batch


def logits_of(seed: int = 0) -> Tensor:
    return 3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))


def soft_batch() -> Batch:
    noise = torch.rand(8, 5, generator=torch.Generator().manual_seed(1))
    batch = make_batch()
    return replace(batch, targets=0.5 * batch.targets + 0.5 * noise / noise.sum(dim=1, keepdim=True))


def focal(logits: Tensor, batch: Batch, gamma: float) -> Tensor:
    terms = Chain([FocalConfig(gamma=gamma)], context()).wrap_loss(cross_entropy)(logits, batch)
    assert list(terms) == ["focal"]
    return terms["focal"]


def slow(logits: Tensor, batch: Batch, gamma: float) -> float:
    """Plain numbers, one sample after another."""
    total = 0.0
    weights = [1.0] * len(logits) if batch.weights is None else batch.weights.tolist()
    for row, targets, weight in zip(logits.tolist(), batch.targets.tolist(), weights, strict=True):
        powers = [math.exp(z) for z in row]
        for y, power in zip(targets, powers, strict=True):
            p = power / sum(powers)
            total -= weight * y * (1 - p) ** gamma * math.log(p)
    return total / len(logits)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_formula_written_out(gamma: float, weighted: bool) -> None:
    batch = replace(soft_batch(), weights=torch.linspace(0.2, 1.8, 8) if weighted else None)
    assert float(focal(logits_of(), batch, gamma)) == pytest.approx(slow(logits_of(), batch, gamma), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_its_gradient_is_the_slope_of_the_formula(gamma: float) -> None:
    batch, logits, step = soft_batch(), logits_of().double(), 1e-5
    leaf = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(focal(leaf, batch, gamma), leaf)
    for i, k in [(0, 0), (3, 4), (7, 2)]:
        up, down = logits.clone(), logits.clone()
        up[i, k] += step
        down[i, k] -= step
        numeric = (slow(up, batch, gamma) - slow(down, batch, gamma)) / (2 * step)
        assert float(gradient[i, k]) == pytest.approx(numeric, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_with_two_classes_it_is_torchvisions_binary_form(gamma: float) -> None:
    z = 2 * torch.randn(8, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
    batch = Batch(make_batch().images, labels, torch.eye(2)[labels])
    theirs = sigmoid_focal_loss(z, labels.float(), alpha=-1, gamma=gamma, reduction="mean")
    torch.testing.assert_close(focal(torch.stack([torch.zeros(8), z], dim=1), batch, gamma), theirs)


def test_without_gamma_it_is_cross_entropy_bit_for_bit() -> None:
    for batch in (make_batch(), soft_batch()):
        leaves = [logits_of().requires_grad_() for _ in range(2)]
        losses = focal(leaves[0], batch, 1e-30), cross_entropy(leaves[1], batch)["cross_entropy"]
        assert torch.equal(*losses)
        assert torch.equal(*(torch.autograd.grad(loss, leaf)[0] for loss, leaf in zip(losses, leaves, strict=True)))


@pytest.mark.parametrize("gamma", [1e-30, 0.1, 0.5, 2.0])
def test_certain_predictions_have_finite_gradients(gamma: float) -> None:
    """There 1 - p is 0 in float32, and the slope of its power infinite or not a number."""
    logits = torch.zeros(8, 5)
    logits[:, 0] = 200.0
    leaf = logits.requires_grad_()
    (gradient,) = torch.autograd.grad(focal(leaf, make_batch(), gamma), leaf)
    assert torch.isfinite(gradient).all()


def test_what_is_certain_counts_less() -> None:
    factors = focus(torch.tensor([[4.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]), 2.0)[:, 0]
    p = 1 / (1 + math.exp(-4))
    torch.testing.assert_close(factors, torch.tensor([(1 - p) ** 2, 0.25]))


@pytest.mark.parametrize("gamma", [0.0, -1.0, 11.0])
def test_impossible_gammas_are_refused(gamma: float) -> None:
    with pytest.raises(ValidationError, match="gamma"):
        FocalConfig(gamma=gamma)
