from typing import Any

import numpy as np
import pytest
import timm
import torch
from scipy.signal import convolve2d
from timm.layers import BlurPool2d, Conv2dSame
from torch import nn

from pipeline.models.blur_pool import FilterSize, with_blur_pool
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError

BINOMIAL = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1]}


@pytest.mark.parametrize("name", ["resnet18", "resnet26"])
def test_resnets_become_timms_own_blurred_networks(name: str) -> None:
    """The same weights give the same logits in timm's network, built as its `resnetblur` models are."""
    torch.manual_seed(0)
    ours = with_blur_pool(timm.create_model(name, num_classes=5), 3, "keep").eval()
    theirs = timm.create_model(name, num_classes=5, aa_layer=BlurPool2d).eval()
    with torch.no_grad():  # zero-initialised branches would hide the blur in them
        for parameter in ours.parameters():
            parameter.normal_(std=0.05)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def blurred_by_hand(x: torch.Tensor, size: int) -> torch.Tensor:
    """[N, C, H, W], one map after the other."""
    row = np.array(BINOMIAL[size]) / sum(BINOMIAL[size])
    pad = size // 2
    maps = [
        [convolve2d(np.pad(plane, pad, mode="reflect"), np.outer(row, row), mode="valid")[::2, ::2] for plane in image]
        for image in x.detach().double().numpy()
    ]
    return torch.tensor(np.array(maps), dtype=torch.float32)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("height", [8, 9])
def test_in_a_sequence_the_blur_follows_the_activation(size: FilterSize, height: int) -> None:
    torch.manual_seed(0)
    stem, conv, norm = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6)
    edited = with_blur_pool(nn.Sequential(stem, conv, norm, nn.ReLU()), size, "blur")
    x = torch.randn(2, 3, height, 8)
    at_full_size = nn.functional.conv2d(stem(x), conv.weight, padding=1)
    expected = blurred_by_hand(norm(at_full_size).relu(), size)
    torch.testing.assert_close(edited(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [(nn.LayerNorm(8),), (nn.BatchNorm2d(6), nn.BatchNorm2d(6)), ()])
def test_elsewhere_the_blur_follows_the_convolution(layers: tuple[nn.Module, ...]) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1)
    edited: Any = with_blur_pool(nn.Sequential(nn.Conv2d(3, 4, 1), conv, *layers), 3, "blur")
    x = torch.randn(2, 4, 8, 8)
    expected = blurred_by_hand(nn.functional.conv2d(x, conv.weight, conv.bias, padding=1), 3)
    torch.testing.assert_close(edited[1](x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("height", [7, 8])
def test_max_pools_take_every_maximum_and_blur(kernel: int, height: int) -> None:
    pool = nn.MaxPool2d(kernel, stride=2, padding=kernel // 2 if kernel == 3 else 0)
    edited = with_blur_pool(nn.Sequential(nn.Conv2d(3, 4, 1), pool), 3, "blur")
    x = torch.randn(2, 4, height, 8, generator=torch.Generator().manual_seed(0))
    dense = nn.functional.max_pool2d(x, kernel, stride=1, padding=pool.padding)
    got = edited[1](x)  # type: ignore[index]
    assert got.shape == pool(x).shape
    torch.testing.assert_close(got, blurred_by_hand(dense, 3))


@pytest.mark.parametrize("shortcuts", ["blur", "keep"])
def test_shortcuts_are_blurred_in_front(shortcuts: Any) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 1, stride=2)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2), nn.Sequential(conv))
    edited: Any = with_blur_pool(model, 3, shortcuts)
    x = torch.randn(2, 4, 8, 8)
    expected = conv(x) if shortcuts == "keep" else nn.functional.conv2d(blurred_by_hand(x, 3), conv.weight, conv.bias)
    torch.testing.assert_close(edited[2](x), expected)


@pytest.mark.parametrize(
    "conv", [nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(4, 6, 2, 2), nn.Conv2d(4, 6, 5, 2), Conv2dSame(4, 6, 3, 2)]
)
@pytest.mark.parametrize("height", [8, 9, 12])
@pytest.mark.parametrize("size", [3, 5])
def test_maps_keep_their_size(conv: nn.Conv2d, height: int, size: FilterSize) -> None:
    edited: Any = with_blur_pool(nn.Sequential(nn.Conv2d(3, 4, 1), conv), size, "blur")
    x = torch.zeros(1, 4, height, 8)
    assert edited[1](x).shape == conv(x).shape


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet10t", 4),  # the max pool and three blocks; their shortcuts pool by averages
        ("resnet18", 7),  # and three shortcuts
        ("mobilenetv2_050", 4),
        ("convnext_atto", 3),
        ("regnety_002", 8),
    ],
)
def test_every_halving_but_the_first_is_blurred(name: str, count: int) -> None:
    model = timm.create_model(name, num_classes=5)
    edited = with_blur_pool(model, 3, "blur").eval()
    assert sum(isinstance(m, BlurPool2d) for m in edited.modules()) == count
    strided = [m for m in edited.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d) and m.stride not in (1, (1, 1))]
    assert len(strided) == 1, "the convolution that reads the image"
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        assert edited.forward_features(x).shape == model.eval().forward_features(x).shape  # type: ignore[operator]


def test_a_blurred_network_changes_less_when_the_image_moves() -> None:
    """What the trick is for: Zhang's consistency, here of the features of a random network."""
    torch.manual_seed(0)
    model = SmallCnnNet(5, 16, 0.0).eval()
    image = torch.randn(8, 3, 33, 33)
    here, moved = image[..., :-1], image[..., 1:]
    change = []
    for net in (model, with_blur_pool(model, 3, "blur")):
        with torch.no_grad():
            a, b = (net.forward_head(net.forward_features(x), pre_logits=True) for x in (here, moved))  # type: ignore[operator]
        change.append(float((a - b).norm() / a.norm()))
    assert change[1] < 0.8 * change[0]


def test_the_callers_network_stays_as_it_is() -> None:
    model = SmallCnnNet(5, 4, 0.0)
    with_blur_pool(model, 3, "blur")
    assert [m.stride for m in model.features if isinstance(m, nn.Conv2d)] == [(2, 2), (2, 2), (1, 1)]


@pytest.mark.parametrize(
    "model", [timm.create_model("test_vit"), nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AvgPool2d(2))]
)
def test_networks_that_never_halve_are_refused(model: nn.Module) -> None:
    with pytest.raises(SpecError, match="has no layer of stride 2 behind its first convolution"):
        with_blur_pool(model, 3, "blur")
