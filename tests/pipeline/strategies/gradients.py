"""Networks with known gradients, and what a strategy makes of them."""

import torch
from torch import Tensor, nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.base import StrategyConfig
from tests.pipeline.strategies.contract import context


def with_gradients(scale: float = 1.0, seed: int = 0) -> nn.Module:
    """A small network with random gradients; the first norm's weight has none, as if it were frozen."""
    generator = torch.Generator().manual_seed(seed)
    model = SmallCnnNet(5, 3, 0.0)
    for name, parameter in model.named_parameters():
        if name != "features.1.weight":
            parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
    return model


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """Copies, by name."""
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def clipped(config: StrategyConfig, model: nn.Module) -> dict[str, Tensor]:
    """The gradients after the hook; weights must stay as they are."""
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    config.runtime(config, context()).before_step(model)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, weights[name]), name
    assert model.get_parameter("features.1.weight").grad is None
    return gradients(model)
