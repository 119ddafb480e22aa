"""The classifier: where it is, and one that looks at angles only."""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.surgery import replaced_at
from pipeline.spec.errors import SpecError


class CosineHead(nn.Module):
    """Scaled cosines between a feature vector and one centre for each class, in float32 also under autocast.

    Args:
        in_features: D.
        out_features: K.
        scale: the logits lie in [-scale, scale].
    """

    def __init__(self, in_features: int, out_features: int, scale: float) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor(scale))  # kept with the weights: calibration changes it
        self.weight = nn.Parameter(torch.empty(out_features, in_features))  # only its rows' directions count
        nn.init.normal_(self.weight, std=1.0 / math.sqrt(in_features))

    def forward(self, features: Tensor) -> Tensor:
        """[N, D] -> [N, K] float32."""
        with _full_precision(features.device.type):
            directions_ND = functional.normalize(features.float(), dim=1)
            centres_KD = functional.normalize(self.weight.float(), dim=1)
            return self.scale * functional.linear(directions_ND, centres_KD)

    def scale_logits(self, factor: float) -> None:
        """Make all logits `factor` times as large, for good (pipeline/models/logits.py)."""
        self.scale.mul_(factor)


def _full_precision(device_type: str) -> AbstractContextManager[Any]:
    known = torch.amp.is_autocast_available(device_type)  # not on the meta device, where networks are counted
    return torch.autocast(device_type, enabled=False) if known else nullcontext()


def classifier_name(model: nn.Module, num_classes: int) -> str:
    """Name of the linear layer that makes the logits: what timm's `get_classifier` gives, else the last that fits.

    Raises:
        SpecError: there is no such layer.
    """
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    get_classifier = getattr(model, "get_classifier", None)
    if get_classifier is not None:
        head = get_classifier()
        found = [name for name, module in linear.items() if module is head]
    else:
        head = None
        found = [name for name, module in linear.items() if module.out_features == num_classes][-1:]
    if not found:
        what = f"a {type(head).__name__}" if head is not None else "not there"
        raise SpecError(
            f"{type(model).__name__}: expected a torch.nn.Linear with {num_classes} outputs as its classifier, but it "
            f"is {what}. Choose a model with a linear classifier"
        )
    return found[0]


def with_cosine_head(model: nn.Module, num_classes: int, scale: float) -> nn.Module:
    """A copy of the network with a CosineHead for its classifier; new weights from torch's global generator.

    Raises:
        SpecError: its classifier is no linear layer.
    """
    name = classifier_name(model, num_classes)
    return replaced_at(model, name, lambda head: CosineHead(head.in_features, head.out_features, scale))
