import pytest
import timm
import timm.optim
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.optim import Sgd
from pipeline.strategies.no_decay import NoDecayConfig, exempt
from pipeline.training.optimizer import build_optimizer, param_options
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context

SPEC = Sgd(lr=0.1, momentum=0.0, weight_decay=0.5)


def edited(model: nn.Module) -> dict[str, float]:
    strategy = NoDecayConfig.runtime(NoDecayConfig(), context())
    return {name: own.weight_decay for name, own in strategy.edit_params(param_options(SPEC, model), model).items()}


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto", "mixer_s32_224"])
def test_the_selection_is_timms(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=7)
    free, decaying = timm.optim.param_groups_weight_decay(model, weight_decay=0.5)
    names = {id(p): name for name, p in model.named_parameters()}
    assert free["weight_decay"] == 0.0
    assert exempt(model) == {names[id(p)] for p in free["params"]}
    expected = {names[id(p)]: 0.0 for p in free["params"]} | {names[id(p)]: 0.5 for p in decaying["params"]}
    assert edited(model) == expected


def test_a_step_without_gradient_shrinks_kernels_only() -> None:
    model = SmallCnnNet(4, 3, 0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    strategy = NoDecayConfig.runtime(NoDecayConfig(), context())
    optimizer = build_optimizer(SPEC, model, strategy.edit_params(param_options(SPEC, model), model))
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        share = 1.0 if p.ndim == 1 else 1.0 - 0.1 * 0.5
        torch.testing.assert_close(p.detach(), share * before[name], msg=name)


def test_nothing_to_leave_out() -> None:
    with pytest.raises(ValidationError, match=r"no_decay: optimizer\.weight_decay is 0, so there is nothing"):
        digits_stage(example("no_decay"), optimizer={"kind": "sgd", "weight_decay": 0.0})
