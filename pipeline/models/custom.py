"""A network of the user's own, and what it must be."""

import inspect

from torch import nn

from pipeline.spec.errors import SpecError
from pipeline.spec.model import CustomModel
from pipeline.spec.targets import load_target


def build_custom(spec: CustomModel, num_classes: int) -> nn.Module:
    """Call the builder.

    Raises:
        SpecError: it cannot be imported, has changed since it was planned, does not take these options, or returns
            something else than a network.
    """
    where = f"model.target {spec.target!r}"
    builder = load_target(spec.target, spec.source)
    if not callable(builder):
        raise SpecError(f"{where} is a {type(builder).__name__}; expected a callable (num_classes, **options)")
    try:
        inspect.signature(builder).bind(num_classes, **spec.options)
    except TypeError as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in spec.options.items())
        raise SpecError(
            f"{where} does not take (num_classes{', ' if shown else ''}{shown}): {error}. Change model.options, or "
            "the builder's parameters"
        ) from error
    model = builder(num_classes, **spec.options)
    if not isinstance(model, nn.Module):
        raise SpecError(f"{where} returned a {type(model).__name__}; expected a torch.nn.Module")
    return model
