from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from timm.utils import ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.ema import Ema, EmaConfig, decay_at, tensors
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return SmallCnnNet(5, 4, 0.0)


def learn(model: nn.Module, step: int) -> None:
    """A step of no sense that changes weights, batch statistics and the count of batches."""
    generator = torch.Generator().manual_seed(step)
    model.train()
    model(torch.randn(4, 3, 16, 16, generator=generator))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def average_of(ema: Ema, model: nn.Module) -> nn.Module:
    average = ema.eval_model(model)
    assert average is not model
    return average


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.9998])
@pytest.mark.parametrize("warmup_power", [None, 2 / 3, 1.0])
def test_it_is_timms(decay: float, warmup_power: float | None) -> None:
    """Weights, batch statistics and whole numbers, after every step. timm counts updates from one."""
    model = network()
    ema = Ema(EmaConfig(decay=decay, warmup_power=warmup_power), context())
    theirs = ModelEmaV3(model, decay=decay, use_warmup=warmup_power is not None, warmup_power=warmup_power or 1.0)
    for step in range(8):
        learn(model, step)
        ema.after_step(model, step)
        theirs.update(model, step=step + 1)
        for name, value in average_of(ema, model).state_dict().items():
            assert torch.equal(value, theirs.module.state_dict()[name]), name
    distances = [
        float((a - b).detach().abs().max())
        for a, b in zip(tensors(average_of(ema, model)), tensors(model), strict=True)
    ]
    assert sum(distance > 0 for distance in distances) > len(distances) / 2, "it is behind the network"
    assert int(average_of(ema, model).get_buffer("features.1.num_batches_tracked")) == 8


def test_with_a_constant_decay_it_is_torchs_averaged_model() -> None:
    model = network()
    ema = Ema(EmaConfig(decay=0.9, warmup_power=None), context())
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for step in range(5):
        learn(model, step)
        ema.after_step(model, step)
        theirs.update_parameters(model)
    for ours, other in zip(average_of(ema, model).parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(ours, other)


def test_the_warmup_with_power_one_is_the_plain_mean() -> None:
    model, seen = network(), []
    ema = Ema(EmaConfig(decay=0.999999, warmup_power=1.0), context())
    for step in range(6):
        learn(model, step)
        ema.after_step(model, step)
        seen.append(model.get_parameter("head.3.weight").detach().clone())
    torch.testing.assert_close(average_of(ema, model).get_parameter("head.3.weight"), torch.stack(seen).mean(dim=0))


def test_decays_on_the_way() -> None:
    """ModelEmaV3's own documentation: power 2/3 reaches 0.999 at 31.6 thousand steps, power 3/4 at 10 thousand."""
    assert decay_at(0, 0.9, None) == decay_at(0, 0.9, 1.0) == 0.0
    assert decay_at(1, 0.9, None) == 0.9
    assert decay_at(31_622, 0.9998, 2 / 3) == pytest.approx(0.999, abs=1e-6)
    assert decay_at(10_000, 0.9998, 3 / 4) == pytest.approx(0.999, abs=1e-6)
    assert decay_at(10**9, 0.9998, 2 / 3) == 0.9998


def test_the_average_is_apart_from_the_network() -> None:
    model = network()
    ema = Ema(EmaConfig(), context())
    assert ema.eval_model(model) is model, "before the first step there is nothing to average"
    ema.after_step(model, 0)
    average = average_of(ema, model)
    assert not average.training and not any(p.requires_grad for p in average.parameters())
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert not {t.data_ptr() for t in tensors(model)} & {t.data_ptr() for t in tensors(average)}


def test_another_one_goes_on_from_its_state() -> None:
    model = network()
    first, second = (Ema(EmaConfig(decay=0.9), context()) for _ in range(2))
    for step in range(4):
        learn(model, step)
        first.after_step(model, step)
        if step == 1:
            second.load_state_dict(deepcopy(first.state_dict()))
        if step > 1:
            second.after_step(model, step)
    for ours, other in zip(tensors(average_of(first, model)), tensors(average_of(second, model)), strict=True):
        assert torch.equal(ours, other)


def test_a_second_average_is_refused() -> None:
    with pytest.raises(ValidationError, match="ema clashes with swa: both decide which average"):
        digits_stage({"kind": "ema"}, {"kind": "swa"})


@pytest.mark.parametrize("fault", [{"decay": 0.0}, {"decay": 1.0}, {"warmup_power": 0.0}, {"warmup_power": 1.5}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        EmaConfig.model_validate(fault)
