import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from pipeline.models.depthwise import SeparableConv2d, with_separable_convs
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError


def test_it_is_the_loop_over_channels_and_pixels() -> None:
    torch.manual_seed(0)
    layer = SeparableConv2d(nn.Conv2d(3, 4, (3, 1), stride=2, padding=(1, 0))).requires_grad_(False)
    x = torch.randn(2, 3, 6, 5)
    got, depthwise, pointwise = layer(x), layer.depthwise.weight, layer.pointwise.weight
    assert layer.pointwise.bias is not None
    padded = torch.zeros(2, 3, 8, 5)
    padded[:, :, 1:7] = x
    for i in range(3):
        for j in range(3):
            window = padded[:, :, 2 * i : 2 * i + 3, 2 * j]  # [N, C, 3]
            filtered = torch.stack([(window[:, c] * depthwise[c, 0, :, 0]).sum(1) for c in range(3)], dim=1)
            torch.testing.assert_close(got[:, :, i, j], filtered @ pointwise[:, :, 0, 0].T + layer.pointwise.bias)


@pytest.mark.parametrize(
    "full",
    [
        nn.Conv2d(6, 8, 3, padding=1),
        nn.Conv2d(6, 8, 3, padding=1, stride=2, bias=False),
        nn.Conv2d(6, 8, 3, padding=2, dilation=2),
        nn.Conv2d(6, 8, 3, stride=3),
        nn.Conv2d(6, 8, 3, padding="same", padding_mode="reflect"),
        Conv2dSame(6, 8, 3, stride=2),
    ],
)
def test_maps_keep_their_size(full: nn.Conv2d) -> None:
    split = SeparableConv2d(full)
    x = torch.randn(2, 6, 11, 8, generator=torch.Generator().manual_seed(0))
    assert split(x).shape == full(x).shape
    assert (split.pointwise.bias is None) == (full.bias is None)
    assert sum(p.numel() for p in split.parameters()) == 9 * 6 + 6 * 8 + (8 if full.bias is not None else 0)


def test_its_output_is_as_large_as_its_input() -> None:
    """Kaiming's promise for rectified inputs: the mean square of the output is that of the input before the ReLU, 1."""
    torch.manual_seed(0)
    layer, x = SeparableConv2d(nn.Conv2d(64, 256, 3, bias=False)), torch.randn(8, 64, 12, 12).relu()
    assert float(layer(x).detach().square().mean()) == pytest.approx(1.0, rel=0.35)


@pytest.mark.parametrize(
    ("name", "kept"), [("resnet10t", "conv1.0"), ("resnet18", "conv1"), ("convnext_atto", "stem.0")]
)
def test_timms_networks_keep_their_first_convolution_only(name: str, kept: str) -> None:
    model = timm.create_model(name, num_classes=5)
    edited = with_separable_convs(model)
    full = [
        at for at, m in edited.named_modules() if isinstance(m, nn.Conv2d) and m.groups == 1 and max(m.kernel_size) > 1
    ]
    assert full == [kept]
    assert torch.equal(edited.get_submodule(kept).weight, model.get_submodule(kept).weight)  # type: ignore[arg-type]
    assert edited(torch.randn(2, 3, 64, 64)).shape == (2, 5)


def test_weights_of_the_small_network_counted_by_hand() -> None:
    w = 4
    edited = with_separable_convs(SmallCnnNet(5, w, 0.0))
    convolutions = 9 * 3 * w + (9 * w + w * 2 * w) + (9 * 2 * w + 2 * w * 4 * w)
    assert sum(p.numel() for p in edited.parameters()) == convolutions + 2 * (w + 2 * w + 4 * w) + 4 * w * 5 + 5


@pytest.mark.parametrize("name", ["test_vit", "mobilenetv2_050"])
def test_networks_without_full_convolutions_are_refused(name: str) -> None:
    with pytest.raises(SpecError, match="has no full convolution of more than one pixel behind its first"):
        with_separable_convs(timm.create_model(name, num_classes=5))
