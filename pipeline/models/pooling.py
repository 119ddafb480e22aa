"""Generalized-mean pooling: between the mean and the maximum, by an exponent that is learned."""

import torch
from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool
from torch import Tensor, nn

from pipeline.models.surgery import nothing_to_edit, replaced_at

EPS = 1e-6  # features below count as this: a power of zero has no gradient.  As in the authors' code (arXiv:1711.02512)


def gem(x: Tensor, p: Tensor | float, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    """(mean of x^p)^(1/p) over `dim`, for features above EPS."""
    return x.clamp(min=EPS).pow(p).mean(dim, keepdim=keepdim).pow(1.0 / p)


class GeM(nn.Module):
    """Pools all pixels of each channel, in float32 whatever the features come in.

    Args:
        p: exponent at the start; 1 is the mean, towards infinity the maximum.
        dim: of the pixels: (2, 3), or (1, 2) where channels come last.
        keepdim: whether the pooled dimensions stay, with size 1.
    """

    def __init__(self, p: float, dim: tuple[int, ...] = (2, 3), keepdim: bool = True) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([p]))
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, 1, 1], or [N, C]."""
        return gem(x.float(), self.p, self.dim, self.keepdim).to(x.dtype)


def with_gem(model: nn.Module, p: float) -> nn.Module:
    """A copy of the network whose last global average pooling is a generalized mean.

    Raises:
        SpecError: it has none: a transformer with a class token, or a network that pools in its forward pass.
    """
    names = [name for name, module in model.named_modules() if _is_global_average(module)]
    if not names:
        raise nothing_to_edit(model, "global average pooling layer")

    def make(pool: nn.Module) -> nn.Module:
        if isinstance(pool, FastAdaptiveAvgPool):
            return GeM(p, tuple(pool.dim), keepdim=not pool.flatten)
        return GeM(p)

    return replaced_at(model, names[-1], make)


def _is_global_average(module: nn.Module) -> bool:
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return module.output_size in (1, (1, 1), [1, 1])
    return isinstance(module, FastAdaptiveAvgPool)
