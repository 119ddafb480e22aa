from typing import Any

import pytest
import timm
import torch
from timm.layers import SEModule
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.models.squeeze_excite import with_squeeze_excite
from pipeline.spec.errors import SpecError


@pytest.mark.parametrize(("plain", "squeezed"), [("resnet18", "seresnet18"), ("resnet26t", "seresnext26t_32x4d")])
def test_resnets_become_timms_own_se_networks(plain: str, squeezed: str) -> None:
    """The same weights give the same logits in timm's network, built with SE from the start."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"cardinality": 32, "base_width": 4} if squeezed.startswith("seresnext") else {}
    ours = with_squeeze_excite(timm.create_model(plain, num_classes=5, **options), reduction=16).eval()
    theirs = timm.create_model(squeezed, num_classes=5).eval()
    with torch.no_grad():  # zero-initialised branches would hide the gates
        for parameter in ours.parameters():
            parameter.normal_(std=0.05)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize("reduction", [4, 16])
def test_the_gate_is_the_loop_over_images_and_channels(reduction: int) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(32).eval()
    edited = with_squeeze_excite(norm, reduction).requires_grad_(False)
    gate, x = edited[1], torch.randn(3, 32, 4, 4)  # type: ignore[index]
    assert gate.fc1.out_channels == 8
    got = edited(x)
    for n in range(3):
        y = norm(x[n : n + 1])[0]
        squeezed = torch.stack([y[c].mean() for c in range(32)])
        hidden = (gate.fc1.weight[:, :, 0, 0] @ squeezed + gate.fc1.bias).relu()
        open_ = 1 / (1 + (-(gate.fc2.weight[:, :, 0, 0] @ hidden + gate.fc2.bias)).exp())
        torch.testing.assert_close(got[n], y * open_[:, None, None])


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("mobilenetv2_050", 17),  # every block
        ("regnetx_002", 13),
        ("mobilenetv3_small_050", 2),  # 9 of its 11 blocks have it
        ("convnext_atto", 12),  # behind the depthwise convolution of every block
    ],
)
def test_places_in_other_networks(name: str, count: int) -> None:
    edited = with_squeeze_excite(timm.create_model(name, num_classes=5), 16)
    assert sum(isinstance(m, SEModule) for m in edited.modules()) == count
    assert edited(torch.randn(2, 3, 64, 64)).shape == (2, 5)


def test_the_small_network_has_it_behind_every_norm() -> None:
    edited = with_squeeze_excite(SmallCnnNet(5, 4, 0.0), 16)
    assert [name for name, m in edited.named_modules() if isinstance(m, SEModule)] == [
        "features.1.1", "features.4.1", "features.7.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("efficientnet_b0", "EfficientNet has no block without squeeze and excitation"),
        ("test_vit", "VisionTransformer has no batch norm, group norm or depthwise convolution to put it behind"),
    ],
)
def test_networks_without_a_place_are_refused(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_squeeze_excite(timm.create_model(name, num_classes=5), 16)
