"""Which layers of a network make its logits, and scaling what they make."""

from copy import deepcopy
from typing import Protocol, cast, runtime_checkable

import torch
from torch import nn

from pipeline.spec.errors import SpecError


@runtime_checkable
class ScalesLogits(Protocol):
    """A head with a rule of its own, e.g. a cosine head whose logits have a scale."""

    def scale_logits(self, factor: float) -> None:
        """Multiply the logits for good, by changing parameters or buffers."""
        ...


def logit_layers(model: nn.Module) -> tuple[nn.Module, ...]:
    """The layers whose outputs are the logits (or are averaged to them, as a distilled transformer's two heads).

    A head that scales its logits itself; else what timm's `get_classifier` names; else the last layer with parameters.

    Raises:
        SpecError: that layer is neither linear nor a convolution.
    """
    own = [module for module in model.modules() if isinstance(module, ScalesLogits)]
    if own:
        return (own[-1],)
    named = model.get_classifier() if hasattr(model, "get_classifier") else model  # type: ignore[operator] - a method
    heads = named if isinstance(named, tuple | list) else (named,)
    return tuple(_last_linear(cast(nn.Module, head), model) for head in heads)


def _last_linear(head: nn.Module, model: nn.Module) -> nn.Module:
    layers = [module for module in head.modules() if any(True for _ in module.parameters(recurse=False))]
    if layers and isinstance(layers[-1], nn.Linear | nn.Conv2d):
        return layers[-1]
    found = type(layers[-1]).__name__ if layers else "nothing with parameters"
    raise SpecError(
        f"model: the last layer of {type(model).__name__} is {found}, but a linear layer or a convolution must make "
        "the logits for them to be scaled; give the network a method get_classifier() that returns it"
    )


def scaled_logits(model: nn.Module, factor: float) -> nn.Module:
    """A copy of the network whose logits are `factor` times as large.

    Raises:
        SpecError: no layer is known to make the logits.
    """
    scaled = deepcopy(model)
    with torch.no_grad():
        for layer in logit_layers(scaled):
            if isinstance(layer, ScalesLogits):
                layer.scale_logits(factor)
            else:
                for parameter in layer.parameters(recurse=False):  # weight, and bias if there is one
                    parameter.mul_(factor)
    return scaled
