"""Anti-aliased down-sampling: a low-pass filter wherever a network skips every second pixel."""

import copy
from itertools import pairwise
from typing import Any, Literal

from timm.layers import BatchNormAct2d, BlurPool2d
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.models.surgery import first_conv, is_spatial, nothing_to_edit

FilterSize = Literal[3, 5]  # binomial; with even sizes timm's padding gives a map one pixel too large
Shortcuts = Literal["blur", "keep"]


def with_blur_pool(model: nn.Module, filter_size: FilterSize, shortcuts: Shortcuts) -> nn.Module:
    """A copy of the network whose layers with stride 2 keep every pixel and are followed by timm's BlurPool2d.

    As in Zhang (arXiv:1904.11486): a strided convolution is blurred behind its activation (where the block has timm's
    place `aa` for it, or the layers stand in an nn.Sequential; else directly behind the convolution), a max pool behind
    the maximum, a strided 1x1 convolution of a shortcut in front. All maps keep their sizes. The convolution that reads
    the image keeps its stride, since four times its pixels are the most expensive ones; so do average pools, which blur
    already, and max pools with ceil_mode.

    Args:
        model: with layers of stride 2.
        filter_size: pixels on a side of the binomial filter.
        shortcuts: blur the strided 1x1 convolutions too (the paper), or keep them (timm's `resnetblur` models).

    Raises:
        SpecError: nothing in it has stride 2, but perhaps the first convolution.
    """
    edited = copy.deepcopy(model)
    stem = edited.get_submodule(first) if (first := first_conv(edited)) is not None else None
    done: set[nn.Module] = {stem} if stem is not None else set()

    def blur(channels: int | None) -> nn.Module:
        return BlurPool2d(channels, filt_size=filter_size, stride=2)

    for parent in list(edited.modules()):
        for place, layer in list(parent._modules.items()):
            if layer is None or layer in done or not _halves(layer):
                continue
            children: dict[str, Any] = parent._modules
            if isinstance(layer, nn.MaxPool2d):
                layer.stride = 1
                children[place] = nn.Sequential(layer, blur(None))
            elif is_spatial(layer):
                layer.stride = (1, 1)
                after = place if (follower := _activation_behind(parent, place)) is None else follower
                if hasattr(parent, "aa") and isinstance(parent.aa, nn.Identity | None):
                    parent.aa = blur(layer.out_channels)
                else:
                    children[after] = nn.Sequential(children[after], blur(layer.out_channels))
            elif isinstance(layer, nn.Conv2d) and shortcuts == "blur":
                layer.stride = (1, 1)
                children[place] = nn.Sequential(blur(layer.in_channels), layer)
            else:
                continue
            done.add(layer)
    if done <= {stem}:
        raise nothing_to_edit(model, "layer of stride 2 behind its first convolution")
    return edited


def _halves(layer: Any) -> bool:
    if isinstance(layer, nn.MaxPool2d):
        return layer.stride in (2, (2, 2)) and not layer.ceil_mode
    return isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)


def _activation_behind(parent: nn.Module, place: str) -> str | None:
    """In a sequence: the activation that follows the convolution, directly or behind its norm."""
    if not isinstance(parent, nn.Sequential):
        return None
    names = list(parent._modules)
    for before, name in pairwise(names[names.index(place) :]):
        layer = parent._modules[name]
        if isinstance(layer, BatchNormAct2d) or type(layer).__module__.endswith((".activation", ".activations")):
            return name
        if before != place or not isinstance(layer, _BatchNorm | nn.GroupNorm):
            return None
    return None
