from typing import Any

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import nn
from torch.nn import functional

from pipeline.models.norms import NormKind, groups_for, with_norm
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError

CHANNELS = 6


def norm_of(kind: str = "torch") -> Any:
    """A batch norm that has seen data, with weights that are not ones and zeros."""
    torch.manual_seed(0)
    norm = BatchNormAct2d(CHANNELS, eps=1e-3) if kind == "timm" else nn.BatchNorm2d(CHANNELS, eps=1e-3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.normal_()  # type: ignore[union-attr]
        norm.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return norm


def images() -> torch.Tensor:
    return torch.randn(4, CHANNELS, 3, 5, generator=torch.Generator().manual_seed(1)) * 2 + 1


@pytest.mark.parametrize("num_groups", [1, 2, 3])
def test_group_norm_is_the_loop_over_images_and_groups(num_groups: int) -> None:
    norm, x = norm_of(), images()
    got = with_norm(norm, "group", num_groups)(x)
    size = CHANNELS // num_groups
    for n in range(len(x)):
        for c in range(CHANNELS):
            group = x[n, c // size * size : (c // size + 1) * size]
            expected = (x[n, c] - group.mean()) / (group.var(unbiased=False) + norm.eps).sqrt()
            torch.testing.assert_close(got[n, c], expected * norm.weight[c] + norm.bias[c])


def test_layer_norm_is_torchs_over_channels_and_pixels() -> None:
    norm, x = norm_of(), images()
    plain = functional.layer_norm(x, x.shape[1:], eps=norm.eps)
    expected = plain * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(with_norm(norm, "layer", 32)(x), expected)


@pytest.mark.parametrize("to", ["none", "frozen"])
@pytest.mark.parametrize("kind", ["torch", "timm"])
@pytest.mark.parametrize("training", [True, False])
def test_without_statistics_of_its_own_it_starts_as_the_batch_norm_evaluates(
    to: NormKind, kind: str, training: bool
) -> None:
    norm, x = norm_of(kind), images()
    expected = norm.eval()(x.clone())
    got = with_norm(norm.train(training), to, 32)(x.clone())
    torch.testing.assert_close(got, expected)


def test_frozen_has_nothing_that_learns_or_drifts() -> None:
    model = with_norm(SmallCnnNet(5, 3, 0.0), "frozen", 32).train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model(torch.randn(4, 3, 8, 8))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert not any("features.1." in name for name, _ in model.named_parameters())


@pytest.mark.parametrize("to", ["group", "layer"])
def test_timms_activation_comes_along(to: NormKind) -> None:
    x = images()
    plain = with_norm(norm_of(), to, 3)(x)
    torch.testing.assert_close(with_norm(norm_of("timm"), to, 3)(x), plain.relu())


@pytest.mark.parametrize(("to", "names"), [("group", {"GroupNorm", "GroupNormAct"}), ("none", {"ChannelAffine"})])
@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv2_050"])
def test_no_batch_norm_is_left_in_timms_networks(name: str, to: NormKind, names: set[str]) -> None:
    model = timm.create_model(name, num_classes=5)
    edited = with_norm(model, to, 32)
    count = sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert sum(type(m).__name__ in names for m in edited.modules()) == count
    assert not any(isinstance(m, nn.BatchNorm2d) for m in edited.modules())
    assert sum(p.numel() for p in edited.parameters()) == sum(p.numel() for p in model.parameters())
    out = edited.train()(torch.randn(2, 3, 32, 32))
    out.sum().backward()
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("kind", ["torch", "timm"])
def test_sync_alone_is_batch_norm(kind: str) -> None:
    norm, x = norm_of(kind), images()
    synced: Any = with_norm(norm, "sync", 32)
    assert type(synced).__name__ == ("SyncBatchNorm" if kind == "torch" else "SyncBatchNormAct")
    assert torch.equal(synced.train()(x.clone()), norm.train()(x.clone()))
    assert torch.equal(synced.running_var, norm.running_var)


@pytest.mark.parametrize(
    ("channels", "asked", "expected"),
    [(64, 32, 32), (48, 32, 24), (16, 32, 8), (4, 32, 2), (2, 32, 1), (7, 32, 1), (9, 32, 3), (64, 1, 1), (40, 32, 20)],
)
def test_groups_divide_the_channels_and_have_two_each(channels: int, asked: int, expected: int) -> None:
    assert groups_for(channels, asked) == expected


def test_a_network_without_batch_norm_is_refused() -> None:
    with pytest.raises(SpecError, match=r"VisionTransformer has no batch norm, .* LayerNorm"):
        with_norm(timm.create_model("test_vit", num_classes=5), "group", 32)
