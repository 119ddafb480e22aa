"""Where the branches of residual blocks end, and how loud they start."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.models.surgery import SHORTCUTS, nothing_to_edit
from pipeline.spec.errors import SpecError

_SIDE_PATHS = (
    *SHORTCUTS,
    "se",
    "attn",
    "attn_last",
    "aa",
    "drop_path",
)  # of a convolutional block: not on its way to the end


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """The last thing that a residual branch goes through before it is added."""

    scale: nn.Parameter | None = None  # of a norm or of a layer scale
    projection: nn.Linear | nn.Conv2d | None = None  # where there is none: a branch that ends in a linear map


def branch_ends(model: nn.Module) -> list[BranchEnd]:
    """In the order of the blocks.

    Finds layer scales (ConvNeXt, some transformers), the last norm of convolutional blocks (timm's and torchvision's
    ResNets, RegNet, MobileNet, EfficientNet), the last convolution of pre-activation blocks, and the output maps of
    transformer blocks without a layer scale.
    """
    return [end for module in model.modules() for end in _ends(module)]


def _ends(module: Any) -> Iterator[BranchEnd]:
    children = module._modules
    gamma = getattr(module, "gamma", None)
    if isinstance(gamma, nn.Parameter):
        yield BranchEnd(scale=gamma)
    elif "attn" in children and "mlp" in children:
        for branch, scale, name in (("attn", "ls1", "proj"), ("mlp", "ls2", "fc2")):
            last = getattr(children[branch], name, None)
            scaled = isinstance(getattr(children.get(scale), "gamma", None), nn.Parameter)
            if isinstance(last, nn.Linear | nn.Conv2d) and not scaled:  # a layer scale is found as a module of its own
                yield BranchEnd(projection=last)
    elif _is_residual(module):
        on_the_way = [
            m for name, child in children.items() if child and name not in _SIDE_PATHS for m in child.modules()
        ]
        if any(isinstance(getattr(m, "gamma", None), nn.Parameter) for m in on_the_way):
            return
        last = [m for m in on_the_way if isinstance(m, nn.Conv2d | nn.GroupNorm | nn.LayerNorm | _BatchNorm)][-1]
        if isinstance(last, nn.Conv2d):
            yield BranchEnd(projection=last)
        elif isinstance(last.weight, nn.Parameter):
            yield BranchEnd(scale=last.weight)


def _is_residual(module: nn.Module) -> bool:
    """By what such blocks have in common: timm's say so themselves, or name their shortcut; torchvision's have two
    convolutions and a `downsample`, maybe None.
    """
    if hasattr(module, "has_skip"):
        return bool(module.has_skip)
    named = isinstance(getattr(module, "shortcut", None), nn.Module)
    return named or hasattr(module, "zero_init_last") or (hasattr(module, "downsample") and hasattr(module, "conv2"))


@torch.no_grad()
def with_branch_scale(model: nn.Module, value: float) -> nn.Module:
    """A copy of the network whose residual branches start at this scale.

    Args:
        model: with residual blocks.
        value: of every norm's weight or layer scale at the end of a branch. At 0, branches that end in a linear map
            get a map of zeros; other values say nothing about those.

    Raises:
        SpecError: there are no such blocks, or they start so already.
    """
    edited = copy.deepcopy(model)
    ends = branch_ends(edited)
    if not ends:
        raise nothing_to_edit(model, "residual blocks that this strategy knows")
    scales = [end.scale for end in ends if end.scale is not None]
    projections = [end.projection for end in ends if end.projection is not None] if value == 0 else []
    tensors = [*scales, *(p for layer in projections for p in layer.parameters())]
    if not tensors:
        raise SpecError(
            f"{type(model).__name__}: its residual branches end in linear maps, which have no scale to set to "
            f"{value:g}. Set value to 0, or leave the strategy out"
        )
    if all(bool((tensor == value).all()) for tensor in tensors):
        other = "1, to see what that brings" if value == 0 else "0"
        raise SpecError(
            f"{type(model).__name__}: its {len(ends)} residual branches start at {value:g} anyway, so nothing would "
            f"change. Set value to {other}, or leave the strategy out"
        )
    for tensor in tensors:
        tensor.fill_(value)
    return edited
