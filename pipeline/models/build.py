"""Spec to network. The only place that knows timm's model names."""

import difflib
from typing import Any

import timm
from torch import nn

from pipeline.models.custom import build_custom
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.spec.model import AnyModel, CustomModel, SmallCnn, Timm


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


def build_model(spec: AnyModel, num_classes: int) -> nn.Module:
    """A fresh network for data of `num_classes`; weights come from torch's global generator.

    Raises:
        SpecError: timm has no such model or does not take these options, the head would be too small, or the user's
            own builder is at fault.
    """
    num_classes = spec.head_size(num_classes)
    match spec:
        case SmallCnn():
            return SmallCnnNet(num_classes, spec.width, spec.drop_rate)
        case Timm():
            check_model(spec)
            try:
                return timm.create_model(spec.name, num_classes=num_classes, **timm_options(spec))
            except TypeError as error:  # an architecture without this kind of regularisation
                raise SpecError(
                    f"timm does not build {spec.name} with "
                    f"{', '.join(f'{name}={value:g}' for name, value in timm_options(spec).items())}: {error}. Leave "
                    "out what it does not know, or choose another model"
                ) from error
        case CustomModel():
            return build_custom(spec, num_classes)


def timm_options(spec: Timm) -> dict[str, Any]:
    """What timm builds this network with, besides the size of its head."""
    some = {"drop_path_rate": spec.drop_path_rate, "img_size": spec.img_size, "patch_size": spec.patch_size}
    return {"drop_rate": spec.drop_rate, **{name: value for name, value in some.items() if value}}
