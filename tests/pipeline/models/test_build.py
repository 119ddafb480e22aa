from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from timm.layers import DropPath
from torch import nn

from pipeline.models.build import build_model, check_model
from pipeline.spec.errors import SpecError
from pipeline.spec.model import AnyModel, SmallCnn, Timm


def test_timm_models_are_timms_with_a_head_for_the_data() -> None:
    torch.manual_seed(0)
    ours = build_model(Timm(name="resnet10t", drop_rate=0.1), 7)
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=7, drop_rate=0.1)
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("width", [2, 5])
def test_the_small_network_counted_by_hand(width: int) -> None:
    w = width
    convolutions = 9 * (3 * w + w * 2 * w + 2 * w * 4 * w)
    norms = 2 * (w + 2 * w + 4 * w)
    head = 4 * w * 3 + 3
    model = build_model(SmallCnn(width=width), 3)
    assert sum(p.numel() for p in model.parameters()) == convolutions + norms + head
    assert model.eval()(torch.zeros(2, 3, 16, 20)).shape == (2, 3)


TIMM = ("resnet10t", "test_vit", "convnext_atto")
IMAGES = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def training_with_fixed_norms(model: nn.Module) -> nn.Module:
    """Batch statistics would change every feature."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return model


@pytest.mark.parametrize("spec", [SmallCnn(drop_rate=0.25), *(Timm(name=name, drop_rate=0.25) for name in TIMM)])
def test_dropout_reaches_the_features_before_the_head(spec: AnyModel) -> None:
    """In training a quarter of the features that the classifier sees are zero, and the rest is larger by 4/3."""
    torch.manual_seed(0)
    model: Any = build_model(spec, 5)
    seen: list[torch.Tensor] = []
    model.get_classifier().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model.eval()(IMAGES)
        training_with_fixed_norms(model)(IMAGES)
    evaluated, trained = (features[seen[0] != 0] for features in seen)
    dropped = trained == 0
    assert float(dropped.float().mean()) == pytest.approx(0.25, abs=0.06)
    torch.testing.assert_close(trained[~dropped], evaluated[~dropped] / 0.75)


@pytest.mark.parametrize("name", TIMM)
def test_stochastic_depth_rises_with_depth_to_the_rate(name: str) -> None:
    """Linear in depth, as in Huang et al. (arXiv:1603.09382); a rate of 0 builds no such layer."""
    model = build_model(Timm(name=name, drop_path_rate=0.3), 5)
    rates = [m.drop_prob for m in model.modules() if isinstance(m, DropPath)]
    assert len(rates) >= 3 and max(rates) == pytest.approx(0.3)
    assert rates == sorted(rates)
    assert not any(isinstance(m, DropPath) for m in build_model(Timm(name=name), 5).modules())


@pytest.mark.parametrize("name", TIMM)
def test_stochastic_depth_drops_branches_of_single_images(name: str) -> None:
    """With the last layer's rate of 0.5: its output is zero for some images, and twice the branch for the others."""
    torch.manual_seed(0)
    model = build_model(Timm(name=name, drop_path_rate=0.5), 5)
    layer = [m for m in model.modules() if isinstance(m, DropPath)][-1]
    shares: list[float] = []

    def look(_: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        factor = (output / inputs[0]).flatten(1)
        assert all(bool((row == row[0]).all()) and float(row[0]) in (0.0, 2.0) for row in factor)
        shares.extend((factor[:, 0] == 0).tolist())

    layer.register_forward_hook(look)
    with torch.no_grad():
        for parameter in model.parameters():  # timm's branches start at or near zero
            parameter.add_(0.01)
        training_with_fixed_norms(model)(IMAGES)
    assert 0 < sum(shares) < len(shares) == len(IMAGES)


def test_the_small_network_has_no_residual_branches_to_drop() -> None:
    with pytest.raises(ValidationError, match="drop_path_rate"):
        SmallCnn.model_validate({"drop_path_rate": 0.1})


@pytest.mark.parametrize("name", ["vgg11", "densenet121"])
def test_an_architecture_without_residual_branches_says_so(name: str) -> None:
    with pytest.raises(SpecError, match=rf"timm does not build {name} with .*drop_path_rate=0.1: .* Leave out"):
        build_model(Timm(name=name, drop_path_rate=0.1), 5)


def test_a_fixed_head_is_kept() -> None:
    model = build_model(SmallCnn(width=2, num_classes=9), 3)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 9)


def test_an_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"here.name: timm has no model 'resnet10x'. The nearest are .*resnet10t"):
        check_model(Timm(name="resnet10x"), "here")
    with pytest.raises(SpecError, match=r"'qqqqqqqqqq'\. List them with"):
        build_model(Timm(name="qqqqqqqqqq"), 3)


def test_a_vision_transformer_for_small_images() -> None:
    model = build_model(Timm(name="vit_tiny_patch16_224", img_size=32, patch_size=4), 5)
    assert isinstance(model, timm.models.VisionTransformer)
    assert model.patch_embed.grid_size == (8, 8)
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 5)
    with pytest.raises(SpecError, match=r"timm does not build resnet10t with drop_rate=0, img_size=32: .*img_size"):
        build_model(Timm(name="resnet10t", img_size=32), 5)
