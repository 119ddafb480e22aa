"""Depthwise separable convolutions in the place of full ones."""

from typing import Any

import torch
from torch import nn

from pipeline.models.surgery import first_conv, is_spatial, replaced


class SeparableConv2d(nn.Sequential):
    """One filter per channel, then a mix of the channels at each pixel: k*k*C + C*D weights instead of k*k*C*D.

    Args:
        like: the convolution that it stands for. Kernel, stride, padding, dilation and kind go to the depthwise part,
            the bias to the pointwise part.
    """

    def __init__(self, like: nn.Conv2d) -> None:
        channels = like.in_channels
        names = ("kernel_size", "stride", "padding", "dilation")
        options: dict[str, Any] = {name: getattr(like, name) for name in names}
        if like.padding_mode != "zeros":  # timm's own convolutions know no other, and do not take the argument
            options["padding_mode"] = like.padding_mode
        depthwise = type(like)(channels, channels, groups=channels, bias=False, **options)
        pointwise = nn.Conv2d(channels, like.out_channels, 1, bias=like.bias is not None)
        # He et al. (arXiv:1502.01852), by what each output reads: no activation follows the depthwise part.
        nn.init.kaiming_normal_(depthwise.weight, mode="fan_in", nonlinearity="linear")
        nn.init.kaiming_normal_(pointwise.weight, mode="fan_in", nonlinearity="relu")
        if pointwise.bias is not None:
            with torch.no_grad():
                pointwise.bias.zero_()
        super().__init__()
        self.depthwise = depthwise
        self.pointwise = pointwise


def with_separable_convs(model: nn.Module) -> nn.Module:
    """A copy of the network with every full spatial convolution split, except the one that reads the image.

    Raises:
        SpecError: there is none.
    """
    stem = first_conv(model)

    def swap(name: str, module: nn.Module) -> nn.Module | None:
        if name == stem or not is_spatial(module) or module.groups > 1 or module.in_channels == 1:
            return None
        return SeparableConv2d(module)

    return replaced(model, swap, "full convolution of more than one pixel behind its first")
