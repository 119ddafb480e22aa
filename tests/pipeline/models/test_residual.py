import copy
from typing import Any

import pytest
import timm
import torch
from torch import nn
from torchvision.models import resnet

from pipeline.models.residual import branch_ends, with_branch_scale
from pipeline.spec.errors import SpecError


def loud(model: nn.Module) -> nn.Module:
    """No parameter is zero any more."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    return model


@pytest.mark.parametrize("name", ["resnet10t", "resnet26", "seresnet18", "regnety_002", "resnetv2_18"])
def test_it_zeroes_what_timms_own_blocks_zero(name: str) -> None:
    model = loud(timm.create_model(name, num_classes=5))
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if hasattr(module, "zero_init_last"):
            module.zero_init_last()  # type: ignore[operator]
    ours = with_branch_scale(model, 0.0).state_dict()
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours[key], value), key


def test_it_finds_what_byobnet_zeroes_when_it_is_built() -> None:
    scales = [end.scale for end in branch_ends(timm.create_model("gernet_s", num_classes=5))]
    assert len(scales) > 5
    assert all(scale is not None and not scale.any() for scale in scales)


@pytest.mark.parametrize("block", [resnet.BasicBlock, resnet.Bottleneck])
def test_it_zeroes_what_torchvision_zeroes(block: type[resnet.BasicBlock | resnet.Bottleneck]) -> None:
    def build(**options: Any) -> nn.Module:
        torch.manual_seed(0)
        return resnet.ResNet(block, [1, 2, 1, 1], num_classes=5, width_per_group=64, **options)

    ours = with_branch_scale(build(), 0.0).state_dict()
    for key, value in build(zero_init_residual=True).state_dict().items():
        assert torch.equal(ours[key], value), key


@pytest.mark.parametrize(
    ("name", "count", "size_px"),
    [
        ("mobilenetv2_050", 10, 64),  # 17 inverted residuals, 7 of them change their size
        ("convnext_atto", 12, 64),
        ("vit_tiny_patch16_224", 24, 224),  # attention and MLP of 12 blocks
        ("test_vit2", 16, 64),  # the same of 8 blocks, with layer scales
    ],
)
def test_at_zero_every_block_is_its_shortcut(name: str, count: int, size_px: int) -> None:
    """With silent branches, blocks that keep the size hand their input through: seen from outside, block by block."""
    model = timm.create_model(name, num_classes=5, drop_path_rate=0.0)
    assert len(branch_ends(model)) == count
    edited = with_branch_scale(model, 0.0).eval()
    unchanged = []

    def look(block: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if inputs[0].shape == output.shape:
            unchanged.append(torch.equal(inputs[0], output))

    kinds = ("InvertedResidual", "ConvNeXtBlock", "Block")
    for block in edited.modules():
        if type(block).__name__ in kinds:
            block.register_forward_hook(look)
    with torch.no_grad():
        edited(torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0)))
    assert len(unchanged) >= 8 and all(unchanged)


def test_one_undoes_what_timm_does() -> None:
    edited = with_branch_scale(timm.create_model("resnet10t", num_classes=5), 1.0)
    plain = timm.create_model("resnet10t", num_classes=5, zero_init_last=False)
    for (key, ours), theirs in zip(edited.state_dict().items(), plain.state_dict().values(), strict=True):
        if ".bn" in key:
            assert torch.equal(ours, theirs), key


def test_the_callers_network_stays_as_it_is() -> None:
    model = timm.create_model("convnext_atto", num_classes=5)
    with_branch_scale(model, 0.0)
    assert all(end.scale is not None and end.scale.all() for end in branch_ends(model))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("resnet10t", 0.0, r"its 4 residual branches start at 0 anyway, .* Set value to 1, to see what that brings"),
        ("mobilenetv2_050", 1.0, r"its 10 residual branches start at 1 anyway, .* Set value to 0"),
        ("test_vit", 1.0, r"end in linear maps, which have no scale to set to 1. Set value to 0"),
        ("densenet121", 0.0, r"DenseNet has no residual blocks that this strategy knows"),
    ],
)
def test_what_would_change_nothing_is_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_branch_scale(timm.create_model(name, num_classes=5), value)
