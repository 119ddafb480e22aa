"""Surgery: a copy of a network in which some modules are replaced. The caller's network stays as it is."""

import copy
from collections.abc import Callable
from typing import Any, TypeGuard

from torch import nn

from pipeline.spec.errors import SpecError

Swap = Callable[[str, nn.Module], nn.Module | None]
SHORTCUTS = ("downsample", "shortcut")  # what timm and torchvision call the path around a residual branch


def replaced(model: nn.Module, swap: Swap, needs: str) -> nn.Module:
    """A copy of the network with other modules in it.

    Args:
        model: left untouched.
        swap: (name, module of the copy) -> what to put in its place, or None to keep it and look inside.
        needs: what `swap` looks for, for the message.

    Raises:
        SpecError: `swap` found nothing to replace.
    """
    edited = copy.deepcopy(model)
    swapped: dict[nn.Module, nn.Module] = {}  # a module that is used twice stays one module

    def visit(name: str, module: nn.Module) -> nn.Module:
        if module not in swapped:
            new = swap(name, module)
            if new is not None:
                swapped[module] = new.train(module.training)
                return new
            for child_name, child in list(module._modules.items()):
                if child is not None:
                    setattr(module, child_name, visit(f"{name}.{child_name}".lstrip("."), child))
        return swapped.get(module, module)

    edited = visit("", edited)
    if not swapped:
        raise nothing_to_edit(model, needs)
    return edited


def replaced_at(model: nn.Module, name: str, make: Callable[[Any], nn.Module]) -> nn.Module:
    """A copy of the network in which the module of this name is what `make` makes of it."""
    edited = copy.deepcopy(model)
    old = edited.get_submodule(name)
    new = make(old).train(old.training)
    if not name:
        return new
    edited.set_submodule(name, new)
    return edited


def nothing_to_edit(model: nn.Module, needs: str) -> SpecError:
    """The error of a network without a place for the change."""
    layers = sorted({type(module).__name__ for module in model.modules() if not list(module.children())})
    return SpecError(
        f"{type(model).__name__} has no {needs}, so there is nothing to change; it is made of {', '.join(layers)}. "
        "Leave the strategy out, or choose another model"
    )


def first_conv(model: nn.Module) -> str | None:
    """Name of the convolution that reads the image: the first that was registered."""
    return next((name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)), None)


def is_spatial(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a convolution that looks at more than one pixel."""
    return isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1
