from typing import Any

import pytest
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.models.probe import probe
from pipeline.spec.errors import Impossible, SpecError
from pipeline.training import footprint as module
from pipeline.training.footprint import check_network, footprint
from tests.pipeline.stages import digits_stage, stage_job, train_alone


def of(spec: StageSpec) -> Any:
    """What is known of a stage's network; None is a failure here."""
    found = footprint(spec.model, spec.strategies, 10, 16)
    assert found.edited is not None and found.bare is not None
    return found


def test_surgery_is_counted_beside_the_bare_network() -> None:
    """Split convolutions, counted by hand: width 4 at 16 px."""
    found = of(digits_stage({"kind": "depthwise_separable"}))
    w, half, quarter = 4, 8 * 8, 4 * 4
    head = 4 * w * 10
    first = 9 * 3 * w * half
    bare = first + 9 * (w * 2 * w + 2 * w * 4 * w) * quarter + head
    split = first + (9 * w + w * 2 * w + 9 * 2 * w + 2 * w * 4 * w) * quarter + head
    assert found.bare.gflops == pytest.approx(2 * bare / 1e9, rel=1e-12)
    assert found.edited.gflops == pytest.approx(2 * split / 1e9, rel=1e-12)
    assert found.edited.num_parameters < found.bare.num_parameters


def test_strategies_without_surgery_share_the_bare_count() -> None:
    before = module._probed.cache_info().misses
    spec = digits_stage({"kind": "mixup"}, {"kind": "label_smoothing"}, model={"kind": "small_cnn", "width": 11})
    assert of(spec).edited is of(spec).bare is of(digits_stage(model={"kind": "small_cnn", "width": 11})).edited
    assert module._probed.cache_info().misses == before + 1


def test_a_network_that_only_trains_elsewhere_has_no_count() -> None:
    spec = digits_stage(model={"kind": "custom", "target": "tests.pipeline.training.test_footprint:needs_a_gpu"})
    found = footprint(spec.model, spec.strategies, 10, 16)
    assert found.edited is None and found.bare is None


def test_the_record_says_what_the_network_costs(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> None:
    spec = digits_stage({"kind": "squeeze_excite"}, budget={"epochs": 1, "batch_size": 64})
    cost = train_alone(stage_job(spec, tmp_path_factory.mktemp("run")), digits).record.cost
    bare = probe(lambda: build_model(spec.model, 10), 16)
    assert cost is not None and cost.forward_gflops is not None
    assert cost.num_parameters == of(spec).edited.num_parameters > bare.num_parameters == cost.bare_num_parameters
    assert cost.forward_gflops > bare.gflops == cost.bare_gflops


@pytest.mark.parametrize(
    ("model", "strategies", "size_px", "message"),
    [
        (
            {"kind": "timm", "name": "vit_tiny_patch16_224"}, [], 64,
            r"here: vit_tiny_patch16_224 does not take images of 64 px: .* Set data.image_size_px.* \(224 is its usual",
        ),
        (
            {"kind": "timm", "name": "resnet18"}, [{"kind": "blur_pool"}], 16,
            r"^strategies: blur_pool: resnet18 does not take images of 16 px: .*Padding size should be less than",
        ),
        (
            {"kind": "timm", "name": "test_vit"}, [{"kind": "blur_pool"}], 64,
            r"^strategies: blur_pool: VisionTransformer has no layer of stride 2 behind its first convolution",
        ),
        (
            {"kind": "timm", "name": "resnet10t"}, [{"kind": "zero_init_residual"}], 64,
            r"^strategies: zero_init_residual: ResNet: its 4 residual branches start at 0 anyway",
        ),
        (
            {"kind": "timm", "name": "densenet121", "drop_path_rate": 0.1}, [], 64,
            r"^here: timm does not build densenet121 with drop_rate=0, drop_path_rate=0.1: .*drop_path_rate",
        ),
        (
            {"kind": "custom", "target": "tests.pipeline.training.test_footprint:two_numbers"}, [], 16,
            r"^here: tests.*:two_numbers turns one image into an output of shape \[1, 2\]; expected .* shape \[1, 10\]",
        ),
    ],
)  # fmt: skip
def test_faults_of_a_network(
    model: dict[str, object], strategies: list[dict[str, str]], size_px: int, message: str
) -> None:
    spec = digits_stage(*strategies, model=model)
    with pytest.raises(SpecError, match=message) as caught:
        check_network(spec.model, spec.strategies, 10, size_px, "here")
    assert isinstance(caught.value, Impossible) is bool(strategies), "each is fine, but not together"


def needs_a_gpu(num_classes: int) -> nn.Module:
    """A builder that fails here."""
    raise RuntimeError("no kernel for this device")


def two_numbers(num_classes: int) -> nn.Module:
    """A builder that does not listen."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
