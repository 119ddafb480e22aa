"""MAE's network and loss: the loss pixel by pixel, and against scikit-learn's error of torch's own patches.

No library that has the loss itself (lightly, transformers) is among the dependencies.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from scipy.stats import zscore
from sklearn.metrics import mean_squared_error
from torch.nn import functional

from pipeline.contract.samples import make_batch
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.tasks.mae import Mae, MaeNet
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage

SPEC = Mae(patch_px=4, decoder_dim=32, decoder_depth=1)


def vit(**options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=5, img_size=16, patch_size=4, **options)


def net_and_batch(spec: Mae = SPEC) -> tuple[MaeNet, Any]:
    net = spec.network(vit(), 16).eval()
    assert isinstance(net, MaeNet)
    return net, spec.prepare(make_batch(4), np.random.default_rng(0))


def test_a_quarter_of_the_patches_is_seen() -> None:
    _, batch = net_and_batch()
    assert batch.mask.shape == (4, 16)
    assert batch.mask.sum(dim=1).tolist() == [12] * 4
    again = SPEC.prepare(make_batch(4), np.random.default_rng(0))
    assert again.mask is not None and torch.equal(again.mask, batch.mask)


def test_what_is_hidden_cannot_be_seen_and_what_is_seen_matters() -> None:
    net, batch = net_and_batch()
    holes = batch.mask.reshape(4, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    painted = SPEC.forward(net, batch)
    assert painted.shape == (4, 16, 48)
    other = replace(batch, images=torch.where(holes, torch.randn_like(batch.images), batch.images))
    torch.testing.assert_close(SPEC.forward(net, other), painted)
    other = replace(batch, images=torch.where(holes, batch.images, torch.randn_like(batch.images)))
    assert not torch.allclose(SPEC.forward(net, other), painted, atol=1e-3)


def test_with_all_patches_visible_the_encoder_is_the_transformer() -> None:
    net, batch = net_and_batch()
    read: list[torch.Tensor] = []
    net.embed.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    net(batch.images, torch.zeros_like(batch.mask))
    backbone: Any = net.plain
    torch.testing.assert_close(read[0], backbone.forward_features(batch.images))


def test_a_hidden_patch_is_painted_from_its_place() -> None:
    """Without the decoder's position embedding all hidden patches of an image would look alike."""
    net, batch = net_and_batch()
    painted = SPEC.forward(net, batch)
    hidden = painted[0][batch.mask[0]]
    assert (hidden - hidden[0]).abs().amax(dim=1)[1:].min() > 1e-4
    net.places.zero_()
    hidden = SPEC.forward(net, batch)[0][batch.mask[0]]
    torch.testing.assert_close(hidden, hidden[:1].expand_as(hidden), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_loss_is_the_mean_squared_error_of_hidden_patches(normalize: bool) -> None:
    spec = SPEC.model_copy(update={"normalize_patches": normalize})
    net, batch = net_and_batch(spec)
    outputs = spec.forward(net, batch)
    errors = []
    for n in range(4):
        for p in range(16):
            if not batch.mask[n, p]:
                continue
            top, left = 4 * (p // 4), 4 * (p % 4)
            patch = batch.images[n, :, top : top + 4, left : left + 4].permute(1, 2, 0).reshape(-1)
            if normalize:
                patch = (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()
            errors.append((outputs[n, p] - patch).square().mean())
    loss = spec.loss_fn(Team.alone())(outputs, batch)["hidden_patches"]
    torch.testing.assert_close(loss, torch.stack(errors).mean())


@pytest.mark.parametrize("normalize", [True, False])
def test_the_loss_is_scikit_learns_error_of_torchs_patches(normalize: bool) -> None:
    """Patches cut by `torch.nn.functional.unfold` and standardized by scipy."""
    spec = SPEC.model_copy(update={"normalize_patches": normalize})
    net, batch = net_and_batch(spec)
    outputs = spec.forward(net, batch).detach()
    cut = functional.unfold(batch.images, 4, stride=4)  # [N, C * p * p, P], channel by channel
    patches = cut.unflatten(1, (3, 16)).permute(0, 3, 2, 1).flatten(2)[batch.mask].numpy()
    patches = zscore(patches, axis=1, ddof=1) if normalize else patches
    loss = spec.loss_fn(Team.alone())(outputs, batch)["hidden_patches"]
    assert loss.item() == pytest.approx(mean_squared_error(patches, outputs[batch.mask].numpy()), rel=1e-4)


def test_the_classifier_is_no_part_of_it() -> None:
    net, _ = net_and_batch()
    assert {name for name, p in net.named_parameters() if not p.requires_grad} == {
        "plain.head.weight",
        "plain.head.bias",
    }
    pooled = SPEC.network(vit(global_pool="avg", class_token=False), 16)
    frozen = {name.split(".")[1] for name, p in pooled.named_parameters() if not p.requires_grad}
    assert frozen == {"head", "fc_norm"}, "what stands behind the pooling"


def test_other_networks_and_other_patches_are_refused() -> None:
    with pytest.raises(SpecError, match=r"task mae needs timm's VisionTransformer.*not a SmallCnnNet.*simmim"):
        SPEC.network(SmallCnnNet(5, 4, 0.0), 16)
    with pytest.raises(SpecError, match=r"task.patch_px=8, but the model's patches have 4 px"):
        Mae(patch_px=8).network(vit(), 16)
    with pytest.raises(ValueError, match=r"patch_px=3, which must divide data.image_size_px=16"):
        digits_stage(task={"kind": "mae", "patch_px": 3})
