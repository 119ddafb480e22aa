from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from timm.loss import BinaryCrossEntropy
from torch import Tensor
from torch.nn import functional

from pipeline.spec.links import StageRef
from pipeline.strategies import CATALOGUE
from pipeline.strategies.base import LossFn
from pipeline.strategies.bce import BceConfig, binary_cross_entropy
from pipeline.strategies.chain import Chain, overrides
from pipeline.strategies.distill import DistillConfig, distillation_loss
from pipeline.tasks.classify import cross_entropy
from pipeline.types import Batch
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context, make_batch, teacher_of


def logits_of(seed: int = 0) -> Tensor:
    return 3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))


def soft_batch() -> Batch:
    noise = torch.rand(8, 5, generator=torch.Generator().manual_seed(1))
    batch = make_batch()
    return replace(batch, targets=0.5 * batch.targets + 0.5 * noise / noise.sum(dim=1, keepdim=True))


def loss_of(config: BceConfig) -> LossFn:
    return Chain([config], context()).wrap_loss(cross_entropy)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.2])
@pytest.mark.parametrize("classes", ["mean", "sum"])
def test_it_is_timms(threshold: float | None, classes: str) -> None:
    theirs = BinaryCrossEntropy(smoothing=0.0, target_threshold=threshold, sum_classes=classes == "sum")
    config = BceConfig.model_validate({"target_threshold": threshold, "classes": classes})
    for batch in (make_batch(), soft_batch()):
        terms = loss_of(config)(logits_of(), batch)
        assert list(terms) == ["bce"]
        torch.testing.assert_close(terms["bce"], theirs(logits_of(), batch.targets))
    torch.testing.assert_close(
        loss_of(config)(logits_of(), make_batch())["bce"], theirs(logits_of(), make_batch().labels)
    )


def test_weights_are_those_of_a_loop_over_samples() -> None:
    weights = torch.linspace(0.2, 1.8, 8)
    batch = replace(soft_batch(), weights=weights)
    total = torch.zeros(())
    for i in range(8):
        total += weights[i] * functional.binary_cross_entropy(logits_of()[i].sigmoid(), batch.targets[i])
    torch.testing.assert_close(binary_cross_entropy(logits_of(), batch, None, "mean"), total / 8)


def test_extreme_logits_stay_finite() -> None:
    logits = torch.full((8, 5), 1e4).requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(BceConfig())(logits, make_batch())["bce"], logits)
    assert torch.isfinite(gradient).all()


def test_distillation_scales_it_as_it_would_cross_entropy() -> None:
    batch, logits = make_batch(), logits_of()
    distill = DistillConfig(teacher=StageRef(stage="teacher"), temperature=2.0, weight=0.25)
    terms = Chain([BceConfig(), distill], context()).wrap_loss(cross_entropy)(logits, batch)
    assert list(terms) == ["bce", "distill"]
    torch.testing.assert_close(terms["bce"], 0.75 * binary_cross_entropy(logits, batch, None, "mean"))
    teacher = teacher_of("teacher")(batch.images)
    torch.testing.assert_close(terms["distill"], 0.25 * distillation_loss(logits, teacher, 2.0))


def test_nothing_that_wraps_the_loss_comes_before_what_replaces_it() -> None:
    """Or it would be thrown away without a word."""
    wrapping = [kind for kind, config in CATALOGUE.items() if overrides(config.runtime, "wrap_loss")]
    assert set(wrapping[:2]) == {"bce", "focal"}
    with pytest.raises(ValidationError, match="bce clashes with focal: both replace the loss"):
        digits_stage({"kind": "bce"}, {"kind": "focal"})


@pytest.mark.parametrize("fault", [{"target_threshold": 1.0}, {"target_threshold": -0.1}, {"classes": "max"}])
def test_impossible_values_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        BceConfig.model_validate(fault)
