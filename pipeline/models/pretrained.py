"""The pretrained weights that timm offers for a network."""

import timm
import timm.models
from torch import Tensor

from pipeline.models.build import timm_options
from pipeline.spec.data import Colours
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.model import Timm


def pretrained_tag(spec: Timm, tag: str | None, where: str) -> str:
    """The tag of the weights that timm would load: the one asked for, the one in the model's name, or timm's choice.

    Raises:
        Impossible: timm has no weights for this network.
        SpecError: it has none of this tag; the message lists those it has.
    """
    name, tag_of_name = timm.models.split_model_name_tag(spec.name)
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    wanted = tag or tag_of_name
    if not tags:
        raise Impossible(
            f"init: timm has no pretrained weights for {name}; choose a model of "
            "`timm.list_models(pretrained=True)`, or start from_file"
        )
    if wanted and wanted not in tags:
        raise SpecError(f"{where}.tag: timm has no weights {wanted!r} for {name}; it has {', '.join(tags)}")
    return wanted or _choice_of_timm(name)


def published_colours(spec: Timm, tag: str | None, where: str) -> Colours:
    """What the images were normalized by that these weights were trained on. Arguments and errors: `pretrained_tag`."""
    name = timm.models.split_model_name_tag(spec.name)[0]
    config = timm.get_pretrained_cfg(f"{name}.{pretrained_tag(spec, tag, where)}")
    assert config is not None, name
    return Colours.model_validate({"mean": config.mean, "std": config.std})


def _choice_of_timm(name: str) -> str:
    config = timm.get_pretrained_cfg(name)
    assert config is not None, name
    return config.tag or ""


def fetch(spec: Timm, tag: str, where: str) -> dict[str, Tensor]:
    """These weights with the classifier they were trained with, as timm puts them into this very network.

    Downloads them, unless the cache of the hub's client has them already.

    Raises:
        SpecError: they cannot be fetched.
    """
    name = timm.models.split_model_name_tag(spec.name)[0]
    try:
        model = timm.create_model(name, pretrained=True, pretrained_cfg=tag, **timm_options(spec))
    except Exception as error:  # whatever timm, the hub's client and the network raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise SpecError(
            f"{where}: the pretrained weights {name}.{tag} cannot be fetched ({reason}). Check the network (a proxy "
            "is named by HTTPS_PROXY, a mirror by HF_ENDPOINT), or fetch them elsewhere and start from_file"
        ) from error
    return {key: value.detach().contiguous() for key, value in model.state_dict().items()}
