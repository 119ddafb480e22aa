from typing import Any

import pytest
import timm
import torch
from timm.layers import SelectAdaptivePool2d
from torch import nn

from pipeline.models.pooling import GeM, gem, with_gem
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError


def features() -> torch.Tensor:
    return torch.rand(2, 4, 3, 5, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize("p", [1.0, 2.5, 3.0])
def test_it_is_the_loop_over_images_and_channels(p: float) -> None:
    x = features()
    got = gem(x, p, (2, 3), keepdim=True)
    for n in range(2):
        for c in range(4):
            pixels = x[n, c].double().flatten().tolist()
            assert float(got[n, c]) == pytest.approx((sum(v**p for v in pixels) / len(pixels)) ** (1 / p), rel=1e-5)


def test_one_is_the_mean_and_large_is_the_maximum() -> None:
    x = features()
    torch.testing.assert_close(gem(x, 1.0, (2, 3), keepdim=False), x.mean((2, 3)))
    torch.testing.assert_close(
        gem(x.double(), 500.0, (2, 3), keepdim=False), x.double().amax((2, 3)), rtol=0.01, atol=0
    )


def test_gradients_reach_features_and_exponent() -> None:
    x, p = features().double().requires_grad_(), torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, p: gem(x, p, (2, 3), True), (x, p))


def test_zeros_have_a_finite_gradient() -> None:
    x = torch.zeros(1, 2, 2, 2, requires_grad=True)
    pool = GeM(3.0)
    pool(x).sum().backward()
    assert torch.isfinite(x.grad).all() and torch.isfinite(pool.p.grad).all()  # type: ignore[arg-type]


def test_half_precision_features_are_pooled_in_full() -> None:
    x = (features() * 30).to(torch.float16)
    got = GeM(5.0)(x)  # 90^5 is far above float16's largest number
    assert got.dtype == torch.float16
    torch.testing.assert_close(got.float(), gem(x.double(), 5.0, (2, 3), True).float(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["resnet10t", "resnet18", "convnext_atto", "efficientnet_b0"])
def test_at_one_timms_networks_pool_as_before(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5)
    edited = with_gem(model, 1.0)
    assert sum(isinstance(m, GeM) for m in edited.modules()) == 1
    nets: tuple[Any, ...] = (model, edited)
    before, after = (net.head.global_pool if hasattr(net, "head") else net.global_pool for net in nets)
    x = torch.rand(2, 3, 4, 5)  # positive: a generalized mean counts negative features as zero
    torch.testing.assert_close(after(x), before(x))


def test_networks_whose_channels_come_last() -> None:
    model = nn.Sequential(SelectAdaptivePool2d(pool_type="fast", flatten=True, input_fmt="NHWC"))
    x = features().permute(0, 2, 3, 1)
    torch.testing.assert_close(with_gem(model, 3.0)(x), gem(features(), 3.0, (2, 3), keepdim=False))


def test_the_small_network() -> None:
    model = SmallCnnNet(5, 3, 0.0).eval()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(with_gem(model, 1.0)(images), model(images), rtol=1e-4, atol=1e-5)
    assert isinstance(model.head[0], nn.AdaptiveAvgPool2d)


@pytest.mark.parametrize("name", ["test_vit", "vit_tiny_patch16_224"])
def test_networks_that_pool_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(SpecError, match="VisionTransformer has no global average pooling layer"):
        with_gem(timm.create_model(name, num_classes=5), 3.0)
