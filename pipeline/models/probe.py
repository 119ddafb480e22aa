"""What one image takes: a forward pass that computes shapes and counts, but no numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Probe:
    """A network seen from outside."""

    num_parameters: int
    gflops: float  # of a forward pass over one image; a multiplication and an addition are two
    output_shape: tuple[int, ...]  # for one image


def probe(build: Callable[[], nn.Module], size_px: int) -> Probe:
    """Build a network and send one image of size_px x size_px through it, in eval mode.

    Counts what `torch.utils.flop_counter` knows: convolutions, matrix products and attention. Norms, activations and
    pooling are left out, as is usual. The random generators are left where they are.

    Args:
        build: makes the network; called on the meta device first, and on the CPU for networks that need real numbers.
        size_px: image size in pixels.

    Raises:
        Exception: whatever the network raises on the CPU.
    """
    try:
        return _probe(build, size_px, "meta")
    except Exception:  # a network may do anything while it is built and run
        return _probe(build, size_px, "cpu")


def _probe(build: Callable[[], nn.Module], size_px: int, device: str) -> Probe:
    with torch.random.fork_rng(devices=[]), torch.device(device), torch.no_grad():
        model = build().eval()
        with FlopCounterMode(display=False) as counter:
            logits = model(torch.zeros(1, 3, size_px, size_px))
    return Probe(
        num_parameters=sum(p.numel() for p in model.parameters()),
        gflops=counter.get_total_flops() / 1e9,
        output_shape=tuple(logits.shape) if isinstance(logits, Tensor) else (),
    )
