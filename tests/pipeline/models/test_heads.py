import math

import pytest
import timm
import torch
from torch import nn

from pipeline.models.heads import CosineHead, classifier_name, with_cosine_head
from pipeline.models.logits import scaled_logits
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError


def test_logits_are_scaled_cosines() -> None:
    torch.manual_seed(0)
    head, x = CosineHead(6, 4, scale=12.0).requires_grad_(False), torch.randn(3, 6)
    got = head(x)
    for n in range(3):
        for k in range(4):
            a, b = x[n].double(), head.weight[k].double()
            cosine = float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
            assert float(got[n, k]) == pytest.approx(12.0 * cosine, abs=1e-5)


def test_lengths_do_not_count() -> None:
    torch.manual_seed(0)
    head, x = CosineHead(6, 4, scale=12.0), torch.randn(3, 6)
    expected = head(x).detach()
    with torch.no_grad():
        head.weight.mul_(7.0)
    torch.testing.assert_close(head(x * 0.01), expected)


def test_calibration_scales_the_logits_and_is_kept_with_the_weights() -> None:
    torch.manual_seed(0)
    model, images = with_cosine_head(SmallCnnNet(5, 3, 0.0), 5, 10.0).eval(), torch.randn(2, 3, 8, 8)
    scaled = scaled_logits(model, 0.25)
    torch.testing.assert_close(scaled(images), 0.25 * model(images))
    loaded = with_cosine_head(SmallCnnNet(5, 3, 0.0), 5, 10.0).eval()
    loaded.load_state_dict(scaled.state_dict())
    assert torch.equal(loaded(images), scaled(images))


def test_autocast_does_not_reach_it() -> None:
    torch.manual_seed(0)
    head, x = CosineHead(6, 4, scale=12.0), torch.randn(3, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = head(x)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, head(x))


def test_features_of_zero_are_no_direction_but_finite() -> None:
    head, x = CosineHead(6, 4, scale=12.0), torch.zeros(1, 6, requires_grad=True)
    head(x).sum().backward()
    assert torch.isfinite(x.grad).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        ("resnet10t", "fc"),
        ("vit_tiny_patch16_224", "head"),
        ("convnext_atto", "head.fc"),
        ("efficientnet_b0", "classifier"),
    ],
)
def test_timms_classifiers(name: str, classifier: str) -> None:
    model = timm.create_model(name, num_classes=5)
    assert classifier_name(model, 5) == classifier
    edited = with_cosine_head(model, 5, 10.0)
    with torch.no_grad():
        logits = edited.eval()(torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (1, 5) and float(logits.abs().max()) <= 10.0 + 1e-5
    assert isinstance(model.get_classifier(), nn.Linear)


def test_networks_without_timms_protocol() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 5)))
    assert classifier_name(model, 5) == "4.0"
    assert classifier_name(SmallCnnNet(5, 3, 0.0), 5) == "head.3"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            timm.create_model("resnetv2_18", num_classes=5),
            r"ResNetV2: expected a torch.nn.Linear with 5 .* is a Conv2d",
        ),
        (nn.Linear(4, 3), r"Linear: expected a torch.nn.Linear with 5 outputs as its classifier, but it is not there"),
    ],
)
def test_other_classifiers_are_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_cosine_head(model, 5, 10.0)
