from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from pipeline.contract.trained import weights_of
from pipeline.data.handle import DataHandle
from pipeline.data.thumbnails import sample_positions
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.records import HEAT_FIELDS
from pipeline.training import finished
from pipeline.training.explain import NoHeatMap, as_bytes, explain_or_say_why, feature_maps, grad_cam
from tests.pipeline.stages import digits_stage, stage_job, train_alone


def cnn(seed: int = 0) -> SmallCnnNet:
    torch.manual_seed(seed)
    return SmallCnnNet(num_classes=5, width=4, drop_rate=0.3).eval()


def images_of(count: int, side: int) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_behind_average_pooling_a_linear_head_gives_the_class_activation_map() -> None:
    """Zhou et al. 2016 (arXiv:1512.04150): the map is the row of the head times the feature maps, over the places."""
    model, images, classes = cnn(), images_of(3, 16), torch.tensor([4, 0, 2])
    maps = feature_maps(model, images[:1])
    with torch.no_grad():
        features = model.forward_features(images)
        rows = dict(model.named_parameters())["head.3.weight"][classes]
        expected = torch.einsum("nc,nchw->nhw", rows, features).relu() / (features.shape[2] * features.shape[3])
    torch.testing.assert_close(grad_cam(model, maps, images, classes), expected)
    assert expected.amax() > 0


class TwoLayers(nn.Module):
    """A head that is not linear, working in place on the feature maps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 4, 3)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Sequential(nn.Linear(4 * 36, 7), nn.Tanh(), nn.Linear(7, 5))

    def forward(self, images: Tensor) -> Tensor:
        return self.head((self.conv(images)).mul_(1.5).flatten(1))


def test_against_finite_differences() -> None:
    """The gradient of the class score by moving one feature at a time."""
    model, images, classes = TwoLayers().double().eval(), images_of(2, 8).double(), torch.tensor([1, 3])
    got = grad_cam(model, feature_maps(model, images[:1]), images, classes)
    with torch.no_grad():
        features = model.conv(images)

        def score(moved: Tensor, n: int) -> float:
            return float(model.head((moved * 1.5).flatten(1))[n, classes[n]])

        step, gradient = 1e-6, torch.zeros_like(features)
        for index in np.ndindex(*features.shape):
            up, down = features.clone(), features.clone()
            up[index] += step
            down[index] -= step
            gradient[index] = (score(up, index[0]) - score(down, index[0])) / (2 * step)
        weights = gradient.mean(dim=(2, 3))
        expected = torch.zeros(2, 6, 6)
        for n, c in np.ndindex(2, 4):
            expected[n] += (weights[n, c] * features[n, c]).float()
    torch.testing.assert_close(got, expected.relu(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "side", "grid"),
    [
        ("resnet10t", 64, (2, 2)),
        ("convnext_atto", 64, (2, 2)),
        ("mobilenetv3_small_050", 64, (2, 2)),
        ("test_efficientnet", 64, (2, 2)),
        ("test_vit", 160, (10, 10)),
        ("swin_tiny_patch4_window7_224", 224, (7, 7)),
    ],
)
def test_networks_of_timm(name: str, side: int, grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, pretrained=False).eval()
    images = images_of(2, side)
    heat = grad_cam(model, feature_maps(model, images[:1]), images, torch.tensor([0, 3]))
    assert heat.shape[1:] == grid
    assert torch.isfinite(heat).all() and (heat >= 0).all()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_place_of_a_token_is_the_place_of_its_patch() -> None:
    """Noise in one patch changes the block's input of that patch alone, if attention is switched off before it."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=5, pretrained=False, depth=1).eval()
    image = images_of(1, 160)
    other = image.clone()
    other[:, :, 32:48, 64:80] += 3.0  # rows 32-47: the third row of patches; columns 64-79: the fifth
    maps = feature_maps(model, image)
    found: list[Tensor] = []
    handle = maps.layer.register_forward_hook(lambda module, inputs, output: found.append(maps.as_maps(output)))
    with torch.no_grad():
        model(image), model(other)
    handle.remove()
    changed = (found[0] - found[1]).abs().sum(dim=1)[0] > 1e-6
    assert changed.nonzero().tolist() == [[2, 4]]


def test_networks_without_places_are_left_out_with_the_reason() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 5)).eval()
    with pytest.raises(NoHeatMap, match="no layer answers with feature maps"):
        feature_maps(flat, images_of(1, 8))
    mixer = timm.create_model("mixer_s32_224", num_classes=5, pretrained=False).eval()
    with pytest.raises(NoHeatMap, match="work on tokens"):
        feature_maps(mixer, images_of(1, 224))


def test_maps_as_bytes() -> None:
    heat = torch.tensor([[[0.0, 1.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert as_bytes(heat).tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]]]


KINDS: dict[str, list[dict[str, object]]] = {
    "bare": [],
    "ema": [{"kind": "ema"}],
    "swa": [{"kind": "swa"}],
    "tta": [{"kind": "tta"}],
    "temperature": [{"kind": "temperature_scaling"}],
    "arcface": [{"kind": "arcface"}],
    "frozen": [{"kind": "frozen_backbone"}],
    "surgery": [{"kind": "blur_pool"}, {"kind": "gem_pooling"}],
    "progressive": [{"kind": "progressive_resizing", "from_px": 8}],
}


@pytest.mark.parametrize("name", KINDS)
def test_a_run_leaves_heat_maps_and_no_number_changes(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    spec = digits_stage(*KINDS[name])
    job, plain_job = stage_job(spec, tmp_path / "with"), stage_job(spec, tmp_path / "without")
    torch.manual_seed(7)
    result = train_alone(job, digits)
    state = torch.get_rng_state()
    monkeypatch.setattr(finished, "explain_or_say_why", lambda *_: ({}, ""))
    torch.manual_seed(7)
    plain = train_alone(plain_job, digits)
    assert torch.equal(torch.get_rng_state(), state)
    assert result.record.metrics == plain.record.metrics
    weights, expected = weights_of(job), weights_of(plain_job)
    assert all(torch.equal(weights[key], expected[key]) for key in expected)
    assert set(result.heat) == set(HEAT_FIELDS)
    sample = sample_positions(digits.evals["val"], 64)
    assert result.heat["id"].tolist() == [digits.ids[row] for row in digits.evals["val"].rows[sample]]
    for column in ("label", "predicted", "confidence"):
        np.testing.assert_array_equal(result.heat[column], result.predictions[f"val/{column}"][sample])
    assert result.heat["heat"].shape == (64, 4, 4) and result.heat["heat"].dtype == np.uint8
    assert result.heat["heat"].max() == 255
    assert "heat" not in result.log


def test_a_network_that_cannot_be_asked_costs_no_run(digits: DataHandle) -> None:
    class Stubborn(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("not today")

    predictions = {"predicted": np.zeros(808, dtype=np.int64), "confidence": np.ones(808, dtype=np.float32)}
    got = explain_or_say_why(Stubborn(), digits_stage(), digits, predictions, torch.device("cpu"))
    assert got == ({}, "no heat maps: RuntimeError('not today')")
