"""The part of a network in training that nobody keeps: what only its loss needs (a regressor of features ...)."""

from torch import Tensor, nn

HELPERS = "helpers_of_training"  # the name of that part


def kept_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights by name, without those of helpers."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith(f"{HELPERS}.")}


def num_kept_parameters(model: nn.Module) -> int:
    """Parameters, without those of helpers."""
    return sum(p.numel() for name, p in model.named_parameters() if not name.startswith(f"{HELPERS}."))
