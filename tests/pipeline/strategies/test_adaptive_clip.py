import math

import pytest
import timm
import torch
from pydantic import ValidationError
from timm.utils.agc import adaptive_clip_grad
from torch import Tensor

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.adaptive_clip import AdaptiveClipConfig
from tests.pipeline.strategies.contract import context
from tests.pipeline.strategies.gradients import clipped, gradients, with_gradients

HEAD = {"head.3.weight", "head.3.bias"}


def length(values: Tensor) -> float:
    return math.sqrt(math.fsum(x * x for x in values.flatten().tolist()))


def slow_clip(weight: Tensor, gradient: Tensor, factor: float, eps: float) -> Tensor:
    """Equation 3 of the paper, row by row; a vector is one row."""
    rows = [(weight, gradient)] if weight.ndim == 1 else list(zip(weight, gradient, strict=True))
    out = []
    for w, g in rows:
        largest = factor * max(length(w), eps)
        out.append(g * largest / length(g) if length(g) > largest else g)
    return out[0] if weight.ndim == 1 else torch.stack(out)


@pytest.mark.parametrize("factor", [0.01, 0.5, 1e3])
def test_it_is_the_paper_row_by_row_without_the_head(factor: float) -> None:
    before = gradients(model := with_gradients())
    after = clipped(AdaptiveClipConfig(factor=factor, eps=1e-3), model)
    for name, gradient in before.items():
        slow = slow_clip(model.get_parameter(name).detach(), gradient, factor, 1e-3)
        torch.testing.assert_close(after[name], gradient if name in HEAD else slow, rtol=1e-5, atol=1e-8, msg=name)
    assert torch.equal(after["features.0.weight"], before["features.0.weight"]) == (factor == 1e3)


def test_on_a_timm_network_it_is_timms_without_its_classifier() -> None:
    torch.manual_seed(0)
    ours, theirs = (timm.create_model("resnet10t", num_classes=3) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        p.grad = torch.randn_like(p)
        q.grad = p.grad.clone()
    config = AdaptiveClipConfig()
    config.runtime(config, context()).before_step(ours)
    adaptive_clip_grad([p for name, p in theirs.named_parameters() if not name.startswith("fc.")])
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None and q.grad is not None
        assert torch.equal(p.grad, q.grad), name


def test_a_bias_at_zero_can_leave_it() -> None:
    model = SmallCnnNet(5, 3, 0.0)
    bias = model.get_parameter("features.1.bias")
    bias.grad = torch.full_like(bias, 100.0)
    config = AdaptiveClipConfig(factor=0.1, eps=1e-2)
    config.runtime(config, context()).before_step(model)
    assert length(bias.grad) == pytest.approx(0.1 * 1e-2, rel=1e-5)


@pytest.mark.parametrize("fault", [{"factor": 0.0}, {"eps": 0.0}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        AdaptiveClipConfig.model_validate(fault)
