"""SimMIM's network and loss: the loss pixel by pixel, and against scikit-learn's error of torch's own patches.

No library that has the loss itself (lightly, transformers) is among the dependencies.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from scipy.stats import zscore
from sklearn.metrics import mean_absolute_error
from torch.nn import functional

from pipeline.contract.samples import make_batch
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.tasks.simmim import SimMim, SimMimNet
from pipeline.training.team import Team

SPEC = SimMim(patch_px=8)  # the stride of the network is 4


def net_and_batch(spec: SimMim = SPEC) -> tuple[SimMimNet, Any]:
    torch.manual_seed(0)
    net = spec.network(SmallCnnNet(5, 4, 0.0), 16).eval()
    assert isinstance(net, SimMimNet)
    return net, spec.prepare(make_batch(4), np.random.default_rng(0))


def holes_of(batch: Any, patch_px: int) -> torch.Tensor:
    holes = torch.zeros(len(batch.images), 1, 16, 16, dtype=torch.bool)
    side = 16 // patch_px
    for n, p in batch.mask.nonzero().tolist():
        top, left = patch_px * (p // side), patch_px * (p % side)
        holes[n, :, top : top + patch_px, left : left + patch_px] = True
    return holes


def test_what_is_hidden_cannot_be_seen_and_what_is_seen_matters() -> None:
    net, batch = net_and_batch()
    assert batch.mask.sum(dim=1).tolist() == [2] * 4
    holes = holes_of(batch, 8)
    restored = SPEC.forward(net, batch)
    assert restored.shape == (4, 4, 192)
    other = replace(batch, images=torch.where(holes, torch.randn_like(batch.images), batch.images))
    assert torch.equal(SPEC.forward(net, other), restored)
    other = replace(batch, images=torch.where(holes, batch.images, torch.randn_like(batch.images)))
    assert not torch.allclose(SPEC.forward(net, other), restored, atol=1e-3)


def test_hidden_pixels_have_the_learned_colour() -> None:
    net, batch = net_and_batch()
    with torch.no_grad():
        net.colour.copy_(torch.tensor([0.1, 0.2, 0.3]).reshape(1, 3, 1, 1))
    seen: list[torch.Tensor] = []
    plain = net.plain
    assert isinstance(plain, SmallCnnNet)
    plain.features.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    SPEC.forward(net, batch)
    expected = batch.images.clone()
    for c, value in enumerate((0.1, 0.2, 0.3)):
        expected[:, c : c + 1][holes_of(batch, 8)] = value
    assert torch.equal(seen[0], expected)


def test_each_place_of_the_map_restores_its_own_pixels() -> None:
    """The last map has one place for 4 x 4 pixels: a bias of its own in the last layer paints one pixel of each."""
    net, batch = net_and_batch()
    with torch.no_grad():
        net.restore.weight.zero_()
        assert net.restore.bias is not None
        net.restore.bias.copy_(torch.arange(48.0))
    restored = SPEC.forward(net, batch)[0, 0].reshape(8, 8, 3)  # rows, columns, channels of the first patch
    for y in range(8):
        for x in range(8):
            assert restored[y, x].tolist() == [16 * c + 4 * (y % 4) + x % 4 for c in range(3)]


@pytest.mark.parametrize("normalize", [True, False])
def test_the_loss_is_the_mean_absolute_error_of_hidden_patches(normalize: bool) -> None:
    spec = SPEC.model_copy(update={"normalize_patches": normalize})
    net, batch = net_and_batch(spec)
    outputs = spec.forward(net, batch)
    errors = []
    for n, p in batch.mask.nonzero().tolist():
        top, left = 8 * (p // 2), 8 * (p % 2)
        patch = batch.images[n, :, top : top + 8, left : left + 8].permute(1, 2, 0).reshape(-1)
        if normalize:
            patch = (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()
        errors.append((outputs[n, p] - patch).abs().mean())
    loss = spec.loss_fn(Team.alone())(outputs, batch)["hidden_patches"]
    torch.testing.assert_close(loss, torch.stack(errors).mean())


@pytest.mark.parametrize("normalize", [True, False])
def test_the_loss_is_scikit_learns_error_of_torchs_patches(normalize: bool) -> None:
    """Patches cut by `torch.nn.functional.unfold` and standardized by scipy."""
    spec = SPEC.model_copy(update={"normalize_patches": normalize})
    net, batch = net_and_batch(spec)
    outputs = spec.forward(net, batch).detach()
    cut = functional.unfold(batch.images, 8, stride=8)  # [N, C * p * p, P], channel by channel
    patches = cut.unflatten(1, (3, 64)).permute(0, 3, 2, 1).flatten(2)[batch.mask].numpy()
    patches = zscore(patches, axis=1, ddof=1) if normalize else patches
    loss = spec.loss_fn(Team.alone())(outputs, batch)["hidden_patches"]
    assert loss.item() == pytest.approx(mean_absolute_error(patches, outputs[batch.mask].numpy()), rel=1e-4)


def test_the_classifier_is_no_part_of_it() -> None:
    net, _ = net_and_batch()
    assert {name for name, p in net.named_parameters() if not p.requires_grad} == {
        "plain.head.3.weight",
        "plain.head.3.bias",
    }


def test_networks_of_timm_and_networks_without_maps() -> None:
    net = SimMim(patch_px=8).network(timm.create_model("test_resnet", num_classes=5), 64)
    assert net(torch.zeros(2, 3, 64, 64), torch.zeros(2, 64, dtype=torch.bool)).shape == (2, 64, 192)
    vit = timm.create_model("test_vit", num_classes=5, img_size=16, patch_size=4)
    with pytest.raises(SpecError, match=r"features are maps .* VisionTransformer gives \[2, 17, 64\].*task mae"):
        SPEC.network(vit, 16)
