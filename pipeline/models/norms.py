"""Other normalization layers in the place of batch norm, with the same affine weights and the same activation."""

from typing import Literal

import torch
from timm.layers import BatchNormAct2d, GroupNormAct, convert_sync_batchnorm, freeze_batch_norm_2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.models.surgery import replaced

NormKind = Literal["group", "layer", "none", "frozen", "sync"]


class ChannelAffine(nn.Module):
    """x * weight + bias, one of each per channel: what batch norm computes in evaluation, without its statistics."""

    def __init__(self, weight_C: Tensor, bias_C: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight_C)
        self.bias = nn.Parameter(bias_C)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, ...] -> the same."""
        shape = (1, -1, *(1,) * (x.ndim - 2))
        return x * self.weight.reshape(shape) + self.bias.reshape(shape)


def groups_for(num_channels: int, num_groups: int) -> int:
    """The largest number of equal groups up to `num_groups` with at least two channels each (else: one group).

    With one channel each, group norm would be instance norm, and zero everywhere on a map of one pixel.
    """
    most = min(num_groups, num_channels // 2)
    return next((n for n in range(most, 1, -1) if num_channels % n == 0), 1)


def with_norm(model: nn.Module, to: NormKind, num_groups: int) -> nn.Module:
    """A copy of the network with another normalization where it had batch norm.

    Args:
        model: with batch norm (torch's, or timm's joined with its activation).
        to: group: `num_groups` groups of channels; layer: one group, so all of an image's channels and pixels; none:
            the affine part alone, starting at what the batch norm computes in evaluation; frozen: statistics and affine
            part fixed as they are; sync: batch statistics over all workers.
        num_groups: of group norm, lowered where it does not divide the channels.

    Raises:
        SpecError: the network has no batch norm.
    """

    def swap(_: str, module: nn.Module) -> nn.Module | None:
        if not isinstance(module, _BatchNorm):
            return None
        match to:
            case "group":
                return _group_norm(module, groups_for(module.num_features, num_groups))
            case "layer":
                return _group_norm(module, 1)
            case "none":
                return _affine(module)
            case "frozen":
                return freeze_batch_norm_2d(module)
            case "sync":
                return convert_sync_batchnorm(module)

    return replaced(model, swap, "batch norm")


def _group_norm(norm: _BatchNorm, num_groups: int) -> nn.Module:
    """With the batch norm's epsilon and affine weights; timm's activation comes along."""
    new = nn.GroupNorm(num_groups, norm.num_features, eps=norm.eps, affine=norm.affine)
    if isinstance(norm, BatchNormAct2d):
        new = GroupNormAct(norm.num_features, num_groups, eps=norm.eps, affine=norm.affine, apply_act=False)
        new.add_module("drop", norm.get_submodule("drop"))
        new.add_module("act", norm.get_submodule("act"))
    if norm.affine:
        new.weight, new.bias = norm.weight, norm.bias
    return new


@torch.no_grad()
def _affine(norm: _BatchNorm) -> nn.Module:
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None and var is not None, "batch norm without running statistics"
    scale = (var + norm.eps).rsqrt() * (norm.weight if norm.affine else 1.0)
    shift = (norm.bias if norm.affine else 0.0) - mean * scale
    new = ChannelAffine(scale, shift)
    if isinstance(norm, BatchNormAct2d):
        return nn.Sequential(new, norm.get_submodule("drop"), norm.get_submodule("act"))
    return new
