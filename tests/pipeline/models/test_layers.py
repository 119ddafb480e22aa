import pytest
import timm
import torch
from torch import nn

from pipeline.models.layers import LayerTap, layer_name, pass_blank
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "resnet10t"])
def test_stages_are_those_of_timms_own_feature_extractor(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3).eval()
    torch.manual_seed(0)
    theirs = timm.create_model(name, features_only=True).eval()
    theirs.load_state_dict({k: v for k, v in model.state_dict().items() if k in theirs.state_dict()}, strict=False)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs(images)
        taps = [LayerTap(model, stage) for stage in range(len(expected))]
        model(images)
    for tap, found in zip(taps, expected, strict=True):
        torch.testing.assert_close(tap.take(), found, msg=lambda words, tap=tap: f"{tap.name}: {words}")


def test_tokens_and_channels_last_maps_have_features_first() -> None:
    vit = timm.create_model("test_vit", num_classes=3, img_size=16, patch_size=4)
    tap = LayerTap(vit, 1)
    vit(torch.randn(2, 3, 16, 16))
    assert tap.take().shape == (2, 64, 17)
    swin = timm.create_model(
        "swin_tiny_patch4_window7_224", num_classes=3, img_size=64, window_size=2, depths=(1, 1, 1, 1)
    )
    taps = [LayerTap(swin, stage) for stage in range(2)]
    swin(torch.randn(1, 3, 64, 64))
    assert [tuple(tap.take().shape) for tap in taps] == [(1, 96, 16, 16), (1, 192, 8, 8)]


def test_our_own_network_has_stages() -> None:
    net = SmallCnnNet(5, 4, 0.0).eval()
    images = torch.randn(2, 3, 16, 16)
    tap = LayerTap(net, 1)
    net(images)
    torch.testing.assert_close(tap.take(), net.features[:6](images))
    assert layer_name(net, "features.0") == "features.0"


def test_what_follows_in_place_does_not_change_what_was_heard() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2))
    tap, images = LayerTap(net, "0"), torch.randn(8, 3, 2, 2)
    net(images)
    assert torch.equal(tap.take(), net[0](images))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer9", r"SmallCnnNet has no layer 'layer9'; of its \d+ layers the outermost are features, head"),
        (3, r"SmallCnnNet has no stage 3; it has 3: 0 to 2 \(\['features.2', 'features.5', 'features.8'\]\)"),
    ],
)
def test_layers_that_are_not_there(layer: int | str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        LayerTap(SmallCnnNet(5, 4, 0.0), layer)


def test_a_network_that_lists_no_stages() -> None:
    with pytest.raises(SpecError, match=r"Sequential does not list its stages.*name layers by their modules"):
        LayerTap(nn.Sequential(nn.Linear(2, 2)), 0)


def test_a_blank_image_leaves_no_trace() -> None:
    net = SmallCnnNet(5, 4, 0.5).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    pass_blank(net, 16)
    assert torch.equal(torch.rand(1), expected)
    assert all(module.training for module in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
