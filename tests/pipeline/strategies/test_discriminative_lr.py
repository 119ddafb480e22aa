import pytest
import timm
import torch
from pydantic import ValidationError

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.optim import Sgd
from pipeline.strategies.base import ParamOptions
from pipeline.strategies.discriminative_lr import DiscriminativeLrConfig
from pipeline.training.optimizer import build_optimizer, param_options
from tests.pipeline.strategies.contract import context

SPEC = Sgd(lr=0.1, momentum=0.0, weight_decay=0.0)


def edited(model: torch.nn.Module, frac: float) -> dict[str, ParamOptions]:
    config = DiscriminativeLrConfig(backbone_frac=frac)
    return config.runtime(config, context()).edit_params(param_options(SPEC, model), model)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto"])
def test_only_timms_classifier_has_the_full_rate(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=7)
    config = timm.get_pretrained_cfg(name)
    assert config is not None
    classifier = config.classifier
    for key, own in edited(model, 0.25).items():
        assert own == ParamOptions(0.0, 1.0 if key.startswith(f"{classifier}.") else 0.25), key


def test_a_step_moves_the_backbone_a_fraction_of_its_gradient() -> None:
    model = SmallCnnNet(4, 3, 0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = build_optimizer(SPEC, model, edited(model, 0.1))
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        moved = 0.1 if name.startswith("head.") else 0.01
        torch.testing.assert_close(before[name] - p.detach(), torch.full_like(p, moved), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("frac", [0.0, 1.5])
def test_impossible_fractions_are_refused(frac: float) -> None:
    with pytest.raises(ValidationError, match="backbone_frac"):
        DiscriminativeLrConfig(backbone_frac=frac)
