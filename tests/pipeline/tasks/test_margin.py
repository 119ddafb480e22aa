import numpy as np
import pytest
import torch

from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.tasks.classify import cross_entropy
from pipeline.tasks.margin import mixing_fault, on_true_class, with_margin
from tests.pipeline.strategies.contract import make_batch


def logits(scale: float = 8.0) -> torch.Tensor:
    return scale * (torch.rand(8, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def test_only_the_true_class_moves() -> None:
    plain, labels = logits(), make_batch().labels
    moved = on_true_class(plain, labels, lambda cosine: cosine - 0.25, scale=8.0)
    for n in range(8):
        for k in range(5):
            expected = plain[n, k] - 8.0 * 0.25 if k == labels[n] else plain[n, k]
            torch.testing.assert_close(moved[n, k], expected)


def test_no_margin_changes_no_bit() -> None:
    plain, labels = logits(), make_batch().labels
    assert torch.equal(on_true_class(plain, labels, lambda cosine: cosine, scale=7.3), plain)


def test_gradients_are_those_of_the_loss_written_out() -> None:
    batch = make_batch()
    plain = logits().double().requires_grad_()
    with_margin(cross_entropy, lambda cosine: cosine * 0.5, scale=8.0)(plain, batch)["cross_entropy"].backward()
    probs = plain.detach().clone()
    rows = np.arange(8)
    probs[rows, batch.labels] *= 0.5
    probs = probs.softmax(dim=1)
    expected = probs - batch.targets
    expected[rows, batch.labels] *= 0.5
    torch.testing.assert_close(plain.grad, expected / 8)


def test_mixing_is_named() -> None:
    assert mixing_fault((PlaceboConfig(), LabelSmoothingConfig())) is None
    fault = mixing_fault((PlaceboConfig(), MixupConfig()))
    assert fault is not None and "mixup gives an image several; switch one of them off" in fault


@pytest.mark.parametrize("scale", [1.0, 64.0])
def test_scales_cancel(scale: float) -> None:
    cosines, labels = logits(1.0), make_batch().labels
    expected = scale * on_true_class(cosines, labels, lambda cosine: cosine**3, scale=1.0)
    torch.testing.assert_close(on_true_class(scale * cosines, labels, lambda cosine: cosine**3, scale), expected)
