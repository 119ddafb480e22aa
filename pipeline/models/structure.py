"""Which parameters are the classifier's, and which blocks a network consists of, from its stem to its head."""

from timm.models import group_parameters
from torch import nn

from pipeline.spec.errors import SpecError


def head_names(model: nn.Module) -> frozenset[str]:
    """Names of the classifier's parameters; everything else is the backbone.

    Networks of timm and our own say which layers classify (`get_classifier`); of any other network it is the last
    top-level part that has parameters.

    Raises:
        SpecError: there is no such layer, or nothing but it.
    """
    ask = getattr(model, "get_classifier", None)
    if ask is None:
        return frozenset(_by_children(model)[-1])
    layers = ask()
    layers = layers if isinstance(layers, list | tuple) else (layers,)
    own = {id(parameter) for layer in layers for parameter in layer.parameters()}
    names = frozenset(name for name, parameter in model.named_parameters() if id(parameter) in own)
    if not names:
        raise SpecError(
            f"{type(model).__name__}: its classifier ({', '.join(type(layer).__name__ for layer in layers)}) has no "
            "parameters, so there is no head to tell from the backbone; choose a network with a trainable classifier"
        )
    return names


def blocks(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Parameter names of each block, from the stem to the head, which is in the last one; every name is in one block.

    Networks of timm and our own group themselves (`group_matcher`, by residual or transformer block); of any other
    network each top-level part with parameters is a block, and parameters outside of all parts belong to the first.

    Raises:
        SpecError: the network has one part only.
    """
    matcher = getattr(model, "group_matcher", None)
    if matcher is None:
        return _by_children(model)
    grouped: dict[int, list[str]] = group_parameters(model, matcher(coarse=False))  # type: ignore[assignment]
    return tuple(tuple(grouped[number]) for number in sorted(grouped))


def _by_children(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    loose = [name for name, _ in model.named_parameters(recurse=False)]
    parts = [[f"{child}.{name}" for name, _ in module.named_parameters()] for child, module in model.named_children()]
    filled = [part for part in parts if part]
    if len(filled) < 2:
        raise SpecError(
            f"{type(model).__name__}: expected at least two top-level parts with parameters, the last of them the "
            f"classifier, but it has {len(filled)}; give the network a `get_classifier()` and a `group_matcher()` as "
            "those of timm have, or make backbone and classifier attributes of their own"
        )
    return tuple(tuple(part) for part in ([*loose, *filled[0]], *filled[1:]))
