import copy

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.optim import AdamW, AnyOptimizer, Sgd, TimmOptimizer
from pipeline.strategies.lookahead import Lookahead, LookaheadConfig
from pipeline.training.optimizer import build_optimizer, param_options
from tests.pipeline.strategies.contract import context

STEPS = 13
SPECS = {
    "sgd": Sgd(lr=0.05, momentum=0.8, weight_decay=0.01),
    "adamw": AdamW(lr=0.01),
    "lamb": TimmOptimizer(name="lamb", lr=0.01),
}


def small() -> nn.Module:
    torch.manual_seed(0)
    return SmallCnnNet(4, 3, 0.0)


def plain(spec: AnyOptimizer, model: nn.Module) -> Optimizer:
    return build_optimizer(spec, model, param_options(spec, model))


def wrapped(spec: AnyOptimizer, model: nn.Module, k: int, alpha: float) -> tuple[Lookahead, Optimizer]:
    config = LookaheadConfig(k=k, alpha=alpha)
    strategy = Lookahead(config, context())
    return strategy, strategy.wrap_optimizer(plain(spec, model))


def backward(model: nn.Module, step: int) -> None:
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    model.zero_grad()
    model(images).square().mean().backward()


def slow_reference(spec: AnyOptimizer, k: int, alpha: float, epoch_ends: tuple[int, ...]) -> list[Tensor]:
    """Algorithm 1 of the paper as two sets of weights, and one more outer step at the end of each epoch."""
    model = small()
    optimizer = plain(spec, model)
    slow = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def outer_step() -> None:
        for s, p in zip(slow, model.parameters(), strict=True):
            s += alpha * (p - s)
            p.copy_(s)

    for step in range(1, STEPS + 1):
        backward(model, step)
        optimizer.step()
        if step % k == 0:
            outer_step()
        if step in epoch_ends:
            outer_step()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize(("k", "alpha"), [(1, 0.3), (4, 0.5), (5, 0.8), (100, 0.5)])
@pytest.mark.parametrize("epoch_ends", [(), (6, 13)])
def test_it_is_the_paper(spec: AnyOptimizer, k: int, alpha: float, epoch_ends: tuple[int, ...]) -> None:
    model = small()
    strategy, optimizer = wrapped(spec, model, k, alpha)
    for step in range(1, STEPS + 1):
        backward(model, step)
        optimizer.step()
        if step in epoch_ends:
            strategy.after_epoch(model, 0)
    for got, expected in zip(model.parameters(), slow_reference(spec, k, alpha, epoch_ends), strict=True):
        torch.testing.assert_close(got.detach(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_checkpoint_carries_the_slow_weights_and_the_step(spec: AnyOptimizer) -> None:
    whole, cut = small(), small()
    _, one = wrapped(spec, whole, 5, 0.5)
    _, first = wrapped(spec, cut, 5, 0.5)
    for step in range(1, 8):
        for model, optimizer in ((whole, one), (cut, first)):
            backward(model, step)
            optimizer.step()
    state = copy.deepcopy(first.state_dict())
    assert {"lookahead_slow_buff"} <= set(state["state"][0])
    assert state["param_groups"][0]["lookahead_step"] == 7
    slow = [state["state"][i]["lookahead_slow_buff"] for i in range(len(state["state"]))]
    assert any(not torch.equal(s, p) for s, p in zip(slow, cut.parameters(), strict=True))
    resumed = small()
    resumed.load_state_dict(cut.state_dict())
    _, second = wrapped(spec, resumed, 5, 0.5)
    second.load_state_dict(state)
    for step in range(8, STEPS + 1):
        for model, optimizer in ((whole, one), (resumed, second)):
            backward(model, step)
            optimizer.step()
    for got, expected in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(got, expected)


def test_a_parameter_that_is_frozen_at_first_starts_from_where_it_is_then() -> None:
    model = small()
    _, optimizer = wrapped(SPECS["sgd"], model, 2, 0.5)
    frozen = model.get_parameter("features.0.weight").requires_grad_(False)
    for step in range(1, 4):
        backward(model, step)
        optimizer.step()
    assert frozen not in optimizer._base_optimizer.state  # type: ignore[attr-defined]
    start = frozen.requires_grad_(True).detach().clone()
    backward(model, 4)
    before = frozen.detach().clone()
    optimizer.step()  # the fourth: an outer step
    assert frozen.grad is not None
    fast = before - 0.05 * (frozen.grad + 0.01 * before)
    torch.testing.assert_close(frozen.detach(), start + 0.5 * (fast - start), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("overflow", [False, True])
def test_under_a_gradient_scaler(overflow: bool) -> None:
    """A step whose gradients are not finite is no step: neither weights nor the count to the next outer step move."""
    model, twin = small(), small()
    (_, scaled), (_, bare) = (wrapped(SPECS["sgd"], m, 2, 0.5) for m in (model, twin))
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0, enabled=True)
    for step in range(1, 6):
        images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        lost = overflow and step == 2
        model.zero_grad()
        scaler.scale(model(images).square().mean() * (float("inf") if lost else 1.0)).backward()
        scaler.unscale_(scaled)
        scaler.step(scaled)
        scaler.update()
        if lost:
            scaler.update(256.0)
            continue
        backward(twin, step)
        bare.step()
    assert scaled.param_groups[0]["lookahead_step"] == 5 - overflow
    for (name, got), expected in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8, msg=name)


@pytest.mark.parametrize("fault", [{"k": 0}, {"alpha": 0.0}, {"alpha": 1.1}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        LookaheadConfig.model_validate(fault)


def test_the_schedule_reaches_the_inner_optimizer() -> None:
    """The rate is set on the groups of the optimizer inside, also after a checkpoint has replaced them."""
    optimizer = plain(SPECS["sgd"], small())
    outer = Lookahead(LookaheadConfig(), context()).wrap_optimizer(optimizer)
    outer.load_state_dict(copy.deepcopy(outer.state_dict()))
    assert outer.param_groups is optimizer.param_groups
