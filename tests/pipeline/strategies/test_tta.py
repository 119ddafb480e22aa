from functools import partial
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import five_crop, horizontal_flip

from pipeline.data.handle import DataHandle
from pipeline.strategies.tta import FiveCrops, Flip, Scales, Tta, TtaConfig, all_views, mean_logits
from tests.pipeline.stages import digits_stage, stage_job, train_alone
from tests.pipeline.strategies.contract import context, make_batch, teacher_of

IMAGES = make_batch().images
RESIZE = partial(v2.functional.resize, interpolation=v2.InterpolationMode.BILINEAR, antialias=True)


def test_views_are_torchvisions() -> None:
    mirrored = Flip().views(IMAGES)
    assert len(mirrored) == 2
    assert torch.equal(mirrored[0], IMAGES) and torch.equal(mirrored[1], horizontal_flip(IMAGES))
    for frac, crop_px in [(0.875, 14), (0.7, 11), (1.0, 16)]:
        theirs = five_crop(IMAGES, [crop_px, crop_px])
        for ours, crop in zip(FiveCrops(side_frac=frac).views(IMAGES), theirs, strict=True):
            torch.testing.assert_close(ours, RESIZE(crop, [16, 16]))
    for ours, size in zip(Scales(factors=(0.5, 1.0, 1.3)).views(IMAGES), (8, 16, 21), strict=True):
        torch.testing.assert_close(ours, RESIZE(IMAGES, [size, size]))


def test_views_are_combined() -> None:
    config = TtaConfig(views=(FiveCrops(), Flip(), Scales(factors=(0.5, 1.0, 1.5))))
    views = all_views(IMAGES, config.views)
    assert len(views) == 5 * 2 * 3
    torch.testing.assert_close(views[4], Flip().views(FiveCrops().views(IMAGES)[0])[1])
    assert config.sizes_px(16) == (8, 16, 24) == tuple(sorted({view.shape[-1] for view in views}))
    assert TtaConfig(views=(Scales(factors=(0.5, 2.0)), Scales(factors=(0.5, 1.0)))).sizes_px(16) == (4, 8, 16, 32)


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_the_average_is_the_one_it_says(average: str) -> None:
    model, config = teacher_of(""), TtaConfig.model_validate({"views": [{"kind": "flip"}], "average": average})
    got = Tta(config, context()).predict(model, IMAGES)
    both = [model(IMAGES), model(horizontal_flip(IMAGES))]
    if average == "logits":
        torch.testing.assert_close(got, (both[0] + both[1]) / 2)
    else:
        torch.testing.assert_close(got.softmax(dim=1), (both[0].softmax(dim=1) + both[1].softmax(dim=1)) / 2)
        torch.testing.assert_close(got.exp().sum(dim=1), torch.ones(8), msg="the mean is of distributions")


def test_extreme_logits_stay_finite() -> None:
    logits = [torch.tensor([[1e4, -1e4]]), torch.tensor([[-1e4, 1e4]])]
    torch.testing.assert_close(mean_logits(logits, "probabilities").softmax(dim=1), torch.tensor([[0.5, 0.5]]))


def test_half_precision_is_averaged_in_float32() -> None:
    logits = [torch.tensor([[1.0]], dtype=torch.bfloat16), torch.tensor([[1.0078125]], dtype=torch.bfloat16)]
    assert mean_logits(logits, "logits").item() == 1.00390625, "which bfloat16 cannot hold"


def test_a_mirror_does_not_matter_any_more() -> None:
    """Invariance by construction: both orders of the same two views."""
    tta = Tta(TtaConfig(), context())
    model = teacher_of("")
    torch.testing.assert_close(tta.predict(model, IMAGES), tta.predict(model, IMAGES.flip(-1)))
    assert not torch.allclose(model(IMAGES), model(IMAGES.flip(-1)))


def test_it_costs_a_forward_pass_for_each_view() -> None:
    calls: list[torch.Size] = []

    class Counting(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            calls.append(images.shape)
            return functional.adaptive_avg_pool2d(images, 1).flatten(1)

    Tta(TtaConfig(views=(Flip(), FiveCrops())), context()).predict(Counting(), IMAGES)
    assert calls == [IMAGES.shape] * 10, "one at a time: memory stays that of one"


def test_every_evaluation_sees_the_views_and_no_training_step(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    predict = Tta.predict

    def counting(self: Tta, model: nn.Module, images: Tensor) -> Tensor:
        asked.append(len(images))
        return predict(self, model, images)

    monkeypatch.setattr(Tta, "predict", counting)
    tta = train_alone(stage_job(digits_stage({"kind": "tta"}), tmp_path / "tta"), digits)
    bare = train_alone(stage_job(digits_stage(), tmp_path / "bare"), digits)
    assert sum(asked) == 3 * len(digits.evals["val"].rows)
    assert tta.curves.series["train/loss"] == bare.curves.series["train/loss"]
    assert all(a != b for a, b in zip(tta.curves.series["val/nll"], bare.curves.series["val/nll"], strict=True))


def test_probabilities_cannot_be_calibrated_by_a_temperature_in_the_network() -> None:
    tta, calibrated = {"kind": "tta", "average": "probabilities"}, {"kind": "temperature_scaling"}
    with pytest.raises(ValidationError, match=r"tta: average: probabilities cannot be .*; set average: logits"):
        digits_stage(tta, calibrated)
    digits_stage(tta)
    digits_stage(tta | {"average": "logits"}, calibrated)


@pytest.mark.parametrize(
    "fault", [{"views": []}, {"views": [{"kind": "scales", "factors": [0.1]}]}, {"views": [{"kind": "rotate"}]},
              {"average": "median"}]
)  # fmt: skip
def test_impossible_values_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        TtaConfig.model_validate(fault)
