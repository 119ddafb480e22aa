import pytest
import timm
import timm.optim
import torch
from pydantic import ValidationError

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.optim import Sgd
from pipeline.spec.schedule import Constant
from pipeline.strategies.base import ParamOptions
from pipeline.strategies.layer_decay import LayerDecayConfig, lr_scales
from pipeline.training.optimizer import build_optimizer, param_options
from pipeline.training.schedule import RateControl
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context

SPEC = Sgd(lr=0.1, weight_decay=0.5)


def edited(model: torch.nn.Module, factor: float) -> dict[str, ParamOptions]:
    config = LayerDecayConfig(factor=factor)
    return config.runtime(config, context()).edit_params(param_options(SPEC, model), model)


@pytest.mark.parametrize("name", ["resnet10t", "resnet18", "vit_tiny_patch16_224", "convnext_atto"])
@pytest.mark.parametrize("factor", [0.65, 0.75, 0.9])
def test_scales_are_timms(name: str, factor: float) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=7)
    names = {id(p): name for name, p in model.named_parameters()}
    groups = timm.optim.param_groups_layer_decay(model, weight_decay=0.5, layer_decay=factor)
    expected = {names[id(p)]: group["lr_scale"] for group in groups for p in group["params"]}
    got = edited(model, factor)
    assert {name: own.lr_scale for name, own in got.items()} == pytest.approx(expected, rel=1e-12)
    assert {own.weight_decay for own in got.values()} == {0.5}, "timm's function also drops decays; this does not"
    assert len({own.lr_scale for own in got.values()}) > 5


def test_the_small_network_by_hand() -> None:
    model = SmallCnnNet(5, 2, 0.0)
    scales = {name: own.lr_scale for name, own in edited(model, 0.5).items()}
    assert scales == {
        "features.0.weight": 0.125, "features.1.weight": 0.125, "features.1.bias": 0.125,
        "features.3.weight": 0.25, "features.4.weight": 0.25, "features.4.bias": 0.25,
        "features.6.weight": 0.5, "features.7.weight": 0.5, "features.7.bias": 0.5,
        "head.3.weight": 1.0, "head.3.bias": 1.0,
    }  # fmt: skip


def test_every_group_follows_the_schedule_at_its_own_height() -> None:
    model = SmallCnnNet(5, 2, 0.0)
    optimizer = build_optimizer(SPEC, model, edited(model, 0.5))
    RateControl(Constant(warmup_epochs=1, warmup_start_frac=0.2), optimizer, 3).set(0.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.0025, 0.005, 0.01, 0.02])


def test_scales_of_others_are_kept() -> None:
    model = SmallCnnNet(5, 2, 0.0)
    config = LayerDecayConfig(factor=0.5)
    halved = {name: ParamOptions(0.0, lr_scale=0.5) for name, _ in model.named_parameters()}
    got = config.runtime(config, context()).edit_params(halved, model)
    assert (got["head.3.bias"].lr_scale, got["features.6.weight"].lr_scale) == (0.5, 0.25)


def test_one_block_has_the_full_rate() -> None:
    assert lr_scales((("a", "b"),), 0.3) == {"a": 1.0, "b": 1.0}


def test_two_rules_for_the_backbone_are_refused() -> None:
    with pytest.raises(ValidationError, match="layer_decay clashes with discriminative_lr: both decide how fast"):
        digits_stage(example("layer_decay"), example("discriminative_lr"))


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.1])
def test_impossible_factors_are_refused(factor: float) -> None:
    with pytest.raises(ValidationError, match="factor"):
        LayerDecayConfig(factor=factor)
