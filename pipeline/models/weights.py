"""Weights in files: read without running code, and put into a network part by part."""

import hashlib
from pathlib import Path

import timm.models
from torch import Tensor, nn

from pipeline.models.structure import head_names
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.links import FromFile, Part

NAMES_SHOWN = 5  # of each kind of mismatch


def fill_from_file(model: nn.Module, init: FromFile, where: str) -> None:
    """Put the file's weights into the network, in place.

    Raises:
        SpecError: it cannot be read, or is not the one that was pinned.
        Impossible: its weights do not fit.
    """
    checked_sha256(init, where)
    load_part(model, read_weights(Path(init.path), where), init.part, where)


def checked_sha256(init: FromFile, where: str) -> str:
    """sha256 of the file's bytes, as 64 hex digits.

    Raises:
        SpecError: the file cannot be read, or another one was pinned.
    """
    try:
        with Path(init.path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{where}.path: {init.path} cannot be read ({error.strerror})") from error
    if init.sha256 not in (None, found):
        raise SpecError(
            f"{where}.sha256: {init.path} is another file than the one that was pinned: its sha256 is {found}, "
            f"{init.sha256} was expected; restore the file, or correct {where}.sha256"
        )
    return found


def read_weights(path: Path, where: str) -> dict[str, Tensor]:
    """The state dict in a file, on the CPU: torch's format or safetensors (by the ending `.safetensors`).

    A dict that holds it as `state_dict` or `model` is unwrapped, and the prefixes that DDP and torch.compile put before
    names are taken off. Only tensors and plain values are read; code in the file is not run.

    Args:
        path: of the file.
        where: what error messages start with, for instance the field.

    Raises:
        SpecError: the file cannot be read, or holds no state dict.
    """
    advice = "Save it with torch.save(model.state_dict(), path), or as .safetensors"
    try:
        found = timm.models.load_state_dict(str(path), use_ema=False, weights_only=True)
    except Exception as error:  # whatever torch, pickle and safetensors raise on bytes that are not theirs
        raise SpecError(f"{where}: {path} cannot be read as weights ({_first_line(error)}). {advice}") from error
    odd = [name for name, value in found.items() if not isinstance(name, str) or not isinstance(value, Tensor)]
    if odd or not found:
        shown = ", ".join(map(str, odd[:NAMES_SHOWN])) or "nothing"
        raise SpecError(f"{where}: {path} holds no names with tensors, but {shown}. {advice}")
    return found


def load_part(model: nn.Module, weights: dict[str, Tensor], part: Part, where: str) -> None:
    """Put weights into a network, in place.

    Args:
        model: whose names and shapes must be met.
        weights: by name.
        part: `all`: every name of the network and no other; `backbone`: the same without the classifier, which keeps
            its own weights, whatever `weights` says about it.
        where: what error messages start with.

    Raises:
        Impossible: names or shapes differ; it lists them.
    """
    own = model.state_dict()
    if part == "backbone":
        head = head_names(model)
        layers = tuple({f"{name.rpartition('.')[0]}." for name in head if "." in name})
        weights = {k: v for k, v in weights.items() if k not in head and not k.startswith(layers)}
        own = {k: v for k, v in own.items() if k not in head and not k.startswith(layers)}
    differ = {k for k in own.keys() & weights.keys() if own[k].shape != weights[k].shape}
    faults = [
        _listed("missing in them", [k for k in own if k not in weights]),
        _listed("unknown to the network", [k for k in weights if k not in own]),
        _listed("of another shape", [f"{k} {_shape(weights[k])} for {_shape(own[k])}" for k in own if k in differ]),
    ]
    if any(faults):
        raise Impossible(
            f"{where}: the weights do not fit {type(model).__name__}: {'; '.join(filter(None, faults))}. Choose the "
            f"network they were trained in{', or part: backbone if only the classifier differs' * (part == 'all')}"
        )
    model.load_state_dict(weights, strict=part == "all")


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMES_SHOWN])}{more})" if names else ""


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
