"""Squeeze and excitation: weigh the channels of a feature map by what the whole map holds."""

import copy
from typing import Any

from timm.layers import SEModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.models.surgery import SHORTCUTS, nothing_to_edit, replaced


def with_squeeze_excite(model: nn.Module, reduction: int) -> nn.Module:
    """A copy of the network with timm's SEModule in it; new weights from torch's global generator.

    Blocks that have a place for it get it there, as timm's own `se*` models do: before the residual sum in ResNets,
    behind the spatial convolution in inverted residuals. Networks without such blocks get one behind every batch or
    group norm, or, if they have none (ConvNeXt), behind every depthwise convolution.

    Args:
        model: with convolutions.
        reduction: channels of the map over hidden channels; these are a multiple of 8, and at least 8.

    Raises:
        SpecError: there is no place for it, or all are taken.
    """
    if any(hasattr(module, "se") for module in model.modules()):
        return _in_slots(model, reduction)
    has_norms = any(isinstance(module, nn.GroupNorm | _BatchNorm) for module in model.modules())

    def swap(name: str, module: nn.Module) -> nn.Module | None:
        if any(part in SHORTCUTS for part in name.split(".")):
            return None
        channels = None
        if isinstance(module, _BatchNorm):
            channels = module.num_features
        elif isinstance(module, nn.GroupNorm):
            channels = module.num_channels
        elif not has_norms and isinstance(module, nn.Conv2d) and 1 < module.in_channels == module.groups:
            channels = module.out_channels
        return None if channels is None else nn.Sequential(module, SEModule(channels, rd_ratio=1.0 / reduction))

    return replaced(model, swap, "batch norm, group norm or depthwise convolution to put it behind")


def _in_slots(model: nn.Module, reduction: int) -> nn.Module:
    edited = copy.deepcopy(model)
    slots: list[Any] = [m for m in edited.modules() if hasattr(m, "se") and isinstance(m.se, nn.Identity | None)]
    for block in slots:
        block.se = SEModule(_channels_before(block), rd_ratio=1.0 / reduction).train(block.training)
    if not slots:
        raise nothing_to_edit(model, "block without squeeze and excitation")
    return edited


def _channels_before(block: nn.Module) -> int:
    """Outputs of the last convolution in front of the place: all are, where it is empty (None is in no order)."""
    channels = 0
    for name, child in block._modules.items():
        if name == "se" and child is not None:
            break
        if child is not None and name not in SHORTCUTS:
            channels = next(
                (m.out_channels for m in reversed(list(child.modules())) if isinstance(m, nn.Conv2d)), channels
            )
    assert channels, f"{type(block).__name__} has no convolution in front of its place for squeeze and excitation"
    return channels
