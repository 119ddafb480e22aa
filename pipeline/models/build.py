"""Spec to network. The only place that knows timm's model names."""

import difflib
from functools import lru_cache
from typing import Any

import timm
import torch
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.spec.model import AnyModel, SmallCnn, Timm


def check_model(spec: AnyModel, where: str = "model") -> None:
    """Refuse a name that timm does not know.

    Raises:
        SpecError: with the nearest names.
    """
    if isinstance(spec, Timm) and not timm.is_model(spec.name):
        near = difflib.get_close_matches(spec.name, timm.list_models(), n=4, cutoff=0.5)
        hint = (
            f"The nearest are {', '.join(near)}."
            if near
            else "List them with: python -c 'import timm; print(timm.list_models())'"
        )
        raise SpecError(f"{where}.name: timm has no model {spec.name!r}. {hint}")


def check_image_size(spec: AnyModel, num_classes: int, size_px: int, where: str = "model") -> None:
    """Refuse a size that the network cannot take: most vision transformers take one size only.

    Raises:
        SpecError: with what the network said.
    """
    fault = _fault_at(spec, num_classes, size_px)  # type: ignore[arg-type] - frozen models have a hash
    if not fault:
        return
    name = spec.name if isinstance(spec, Timm) else spec.kind
    native = timm.get_pretrained_cfg(name) if isinstance(spec, Timm) else None
    usual = f" ({native.input_size[-1]} is its usual one)" if native is not None else ""
    raise SpecError(
        f"{where}: {name} does not take images of {size_px} px: {fault}. Set data.image_size_px, and the sizes of "
        f"progressive_resizing and tta, to what it takes{usual}, or choose another model"
    )


@lru_cache(maxsize=256)  # every arm of a grid asks
def _fault_at(spec: AnyModel, num_classes: int, size_px: int) -> str:
    fault = ""
    for device in ("meta", "cpu"):  # meta computes shapes only, in no time; but not every network can be built there
        try:
            with torch.device(device), torch.inference_mode():
                build_model(spec, num_classes).eval()(torch.zeros(1, 3, size_px, size_px))
            return ""
        except Exception as error:  # whatever a network of timm raises at a size that it cannot take
            fault = str(error).splitlines()[0] if str(error) else type(error).__name__
    return fault.rstrip(".")


def build_model(spec: AnyModel, num_classes: int) -> nn.Module:
    """A fresh network for data of `num_classes`; weights come from torch's global generator.

    Raises:
        SpecError: timm has no such model, or the head would be too small.
    """
    num_classes = spec.head_size(num_classes)
    match spec:
        case SmallCnn():
            return SmallCnnNet(num_classes, spec.width, spec.drop_rate)
        case Timm():
            check_model(spec)
            return timm.create_model(spec.name, num_classes=num_classes, **timm_options(spec))


def timm_options(spec: Timm) -> dict[str, Any]:
    """What timm builds this network with, besides the size of its head."""
    drop_path: dict[str, Any] = {"drop_path_rate": spec.drop_path_rate} if spec.drop_path_rate else {}
    return {"drop_rate": spec.drop_rate, **drop_path}
