"""Layers in the middle of a network: which one is meant, and what it gave in the last forward pass."""

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.spec.errors import SpecError

NAMES_SHOWN = 12


def layer_name(model: nn.Module, layer: int | str) -> str:
    """The module that is meant, by its name.

    Args:
        model: a network.
        layer: a module's name; or a number: a stage, from the input and from 0, of those that networks of timm and
            our own list in `feature_info`.

    Raises:
        SpecError: there is no such layer; it says which there are.
    """
    network = type(model).__name__
    if isinstance(layer, str):
        known = {name for name, _ in model.named_modules()} - {""}
        if layer not in known:
            near = sorted(known, key=lambda name: (name.count("."), name))[:NAMES_SHOWN]
            raise SpecError(
                f"{network} has no layer {layer!r}; of its {len(known)} layers the outermost are {', '.join(near)}"
            )
        return layer
    info = getattr(model, "feature_info", None)
    listed = [entry["module"] for entry in getattr(info, "info", info or ())]
    if not listed:
        raise SpecError(f"{network} does not list its stages (no `feature_info`); name layers by their modules instead")
    if layer >= len(listed):
        raise SpecError(f"{network} has no stage {layer}; it has {len(listed)}: 0 to {len(listed) - 1} ({listed})")
    return layer_name(model, listed[layer])


class LayerTap:
    """Keeps what a layer gave in the last forward pass, features before places.

    Raises:
        SpecError: there is no such layer.
    """

    def __init__(self, model: nn.Module, layer: int | str) -> None:
        self.name = layer_name(model, layer)
        self._model = model
        self._channels_last = getattr(model, "output_fmt", "") == "NHWC"  # timm's Swin and its kin
        self._found: Tensor | None = None

        def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            self._found = self._features_first(output)

        model.get_submodule(self.name).register_forward_hook(keep)

    def _features_first(self, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim not in (2, 3, 4):
            found = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise SpecError(
                f"{type(self._model).__name__}: layer {self.name} gives {found}; expected maps [N, C, H, W], tokens "
                "[N, T, D] or vectors [N, D]. Choose another layer"
            )
        output = output.clone()  # what follows may work in place, as many a ReLU does
        return output.movedim(-1, 1) if output.ndim == 3 or (output.ndim == 4 and self._channels_last) else output

    def take(self) -> Tensor:
        """[N, D, H, W] (maps), [N, D, T] (tokens) or [N, D], of the last forward pass; once."""
        assert self._found is not None, "no forward pass since the last time"
        found, self._found = self._found, None
        return found


@torch.no_grad()
def pass_blank(model: nn.Module, image_size_px: int) -> None:
    """Show it one black image in eval mode, and leave it and the random generators as they were."""
    was_training = model.training
    like = next(model.parameters())
    with torch.random.fork_rng(devices=[]):
        model.eval()(torch.zeros(1, 3, image_size_px, image_size_px, device=like.device))
    model.train(was_training)
