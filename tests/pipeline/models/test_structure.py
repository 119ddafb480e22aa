import pytest
import timm
import torch
from timm.models import group_parameters
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.models.structure import blocks, head_names
from pipeline.spec.errors import SpecError

# Residual blocks, a transformer, a head with a norm in it, two heads, a wide head, and one that timm does not group.
TIMM = (
    "resnet10t",
    "vit_tiny_patch16_224",
    "convnext_atto",
    "deit_tiny_distilled_patch16_224",
    "mobilenetv3_small_050",
    "poolformer_s12",
)


def made(name: str) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(name, num_classes=7)


def parameter_names(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_parameters()]


@pytest.mark.parametrize("name", TIMM)
def test_the_head_is_what_timm_replaces_for_other_classes(name: str) -> None:
    with torch.device("meta"):
        seven, nine = timm.create_model(name, num_classes=7), timm.create_model(name, num_classes=9)
    shapes = {key: value.shape for key, value in nine.named_parameters()}
    assert head_names(seven) == {key for key, value in seven.named_parameters() if value.shape != shapes[key]}


@pytest.mark.parametrize("name", TIMM)
def test_every_parameter_is_in_one_block_and_the_head_in_the_last(name: str) -> None:
    model = made(name)
    parts = blocks(model)
    assert sorted(key for part in parts for key in part) == sorted(parameter_names(model))
    assert head_names(model) <= set(parts[-1])
    assert len(parts) >= 3
    assert parameter_names(model)[0] in parts[0]


@pytest.mark.parametrize(("name", "number"), [("resnet10t", 6), ("resnet18", 10), ("vit_tiny_patch16_224", 14)])
def test_blocks_are_timms_in_its_order(name: str, number: int) -> None:
    """A stem, residual or transformer blocks, a head."""
    model = made(name)
    layer_of = group_parameters(model, model.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    parts = blocks(model)
    assert len(parts) == number
    assert {key: i for i, part in enumerate(parts) for key in part} == layer_of


def test_the_small_network_by_hand() -> None:
    model = SmallCnnNet(5, 2, 0.0)
    assert head_names(model) == {"head.3.weight", "head.3.bias"}
    assert blocks(model) == (
        ("features.0.weight", "features.1.weight", "features.1.bias"),
        ("features.3.weight", "features.4.weight", "features.4.bias"),
        ("features.6.weight", "features.7.weight", "features.7.bias"),
        ("head.3.weight", "head.3.bias"),
    )


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(4, 2)


def test_any_other_network_is_its_top_level_parts() -> None:
    model = Wrapped()
    assert blocks(model) == (("scale", "inner.0.weight", "inner.0.bias"), ("out.weight", "out.bias"))
    assert head_names(model) == {"out.weight", "out.bias"}


def test_a_new_layer_in_the_place_of_the_head_is_the_head() -> None:
    model = SmallCnnNet(5, 2, 0.0)
    model.head[-1] = nn.Sequential(nn.Linear(8, 3), nn.Linear(3, 5, bias=False))
    assert head_names(model) == {"head.3.0.weight", "head.3.0.bias", "head.3.1.weight"}
    assert set(blocks(model)[-1]) == head_names(model)


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.ReLU()])
def test_a_network_of_one_part_has_no_head(model: nn.Module) -> None:
    with pytest.raises(SpecError, match="expected at least two top-level parts with parameters"):
        head_names(model)
    with pytest.raises(SpecError, match="give the network a `get_classifier"):
        blocks(model)


def test_a_classifier_without_parameters_is_no_head() -> None:
    model = timm.create_model("resnet10t", num_classes=0)
    with pytest.raises(SpecError, match=r"ResNet: its classifier \(Identity\) has no parameters"):
        head_names(model)
