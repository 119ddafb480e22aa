"""Every typed optimizer against torch's class, or against its published rule written out parameter by parameter."""

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.optim import Adam, AdamW, Adan, AnyOptimizer, Lamb, Lion, Muon, RmsProp, Sgd, Sgdw
from pipeline.training.optimizer import build_optimizer, param_options

Rule = Callable[[Tensor, Tensor, dict[str, Any], int], Tensor]


class Stepper(Protocol):
    def zero_grad(self) -> None: ...
    def step(self) -> Any: ...


class Slow:
    """A rule (weights, gradient, memory, number of the step from 1) -> new weights, one parameter at a time."""

    def __init__(self, params: Iterable[nn.Parameter], rule: Rule) -> None:
        self.params, self.rule, self.steps = list(params), rule, 0
        self.memory: list[dict[str, Any]] = [{} for _ in self.params]

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        for p, memory in zip(self.params, self.memory, strict=True):
            assert p.grad is not None
            p.copy_(self.rule(p.clone(), p.grad.clone(), memory, self.steps))


def build(spec: AnyOptimizer, model: nn.Module) -> Optimizer:
    return build_optimizer(spec, model, param_options(spec, model))


def average(memory: dict[str, Any], name: str, value: Tensor, beta: float) -> Tensor:
    memory[name] = beta * memory.get(name, torch.zeros_like(value)) + (1 - beta) * value
    return memory[name]


def sgdw(momentum: float, nesterov: bool, lr: float, wd: float) -> Rule:
    def rule(w: Tensor, g: Tensor, memory: dict[str, Any], t: int) -> Tensor:
        memory["v"] = momentum * memory.get("v", torch.zeros_like(g)) + g
        return (1 - lr * wd) * w - lr * (g + momentum * memory["v"] if nesterov else memory["v"])

    return rule


def lion(beta1: float, beta2: float, lr: float, wd: float) -> Rule:
    def rule(w: Tensor, g: Tensor, memory: dict[str, Any], t: int) -> Tensor:
        m = memory.get("m", torch.zeros_like(g))
        memory["m"] = beta2 * m + (1 - beta2) * g
        return w - lr * (torch.sign(beta1 * m + (1 - beta1) * g) + wd * w)

    return rule


def lamb(beta1: float, beta2: float, lr: float, wd: float) -> Rule:
    def rule(w: Tensor, g: Tensor, memory: dict[str, Any], t: int) -> Tensor:
        m = average(memory, "m", g, beta1) / (1 - beta1**t)
        v = average(memory, "v", g * g, beta2) / (1 - beta2**t)
        u = m / (v.sqrt() + 1e-6) + wd * w
        ratio = w.norm() / u.norm() if wd > 0 and w.norm() > 0 else 1.0
        return w - lr * ratio * u

    return rule


def adan(beta1: float, beta2: float, beta3: float, lr: float, wd: float) -> Rule:
    def rule(w: Tensor, g: Tensor, memory: dict[str, Any], t: int) -> Tensor:
        difference = g - memory.get("g", g)
        memory["g"] = g
        m = average(memory, "m", g, beta1) / (1 - beta1**t)
        n = average(memory, "n", difference, beta2) / (1 - beta2**t)
        v = average(memory, "v", (g + beta2 * difference) ** 2, beta3) / (1 - beta3**t)
        return (w - lr * (m + beta2 * n) / (v.sqrt() + 1e-8)) / (1 + lr * wd)

    return rule


def train(model: nn.Module, optimizer: Stepper, steps: int = 6) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(steps):
        images = torch.randn(8, 3, 8, 8, generator=generator)
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]


CASES: dict[str, tuple[AnyOptimizer, Callable[[Iterable[nn.Parameter]], Stepper]]] = {
    "adam with L2": (
        Adam(lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), weight_decay=0.1),
    ),
    "rmsprop": (
        RmsProp(lr=0.01, alpha=0.8, momentum=0.7, eps=1e-3, weight_decay=0.1),
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.8, momentum=0.7, eps=1e-3, weight_decay=0.1),
    ),
    "rmsprop without momentum": (
        RmsProp(lr=0.01, alpha=0.9, momentum=0.0, weight_decay=0.0),
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9),
    ),
    "sgdw": (
        Sgdw(lr=0.05, momentum=0.8, weight_decay=0.1),
        lambda p: Slow(p, sgdw(0.8, False, lr=0.05, wd=0.1)),
    ),
    "sgdw with nesterov": (
        Sgdw(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
        lambda p: Slow(p, sgdw(0.8, True, lr=0.05, wd=0.1)),
    ),
    "lion": (
        Lion(lr=1e-3, beta1=0.8, beta2=0.95, weight_decay=0.5),
        lambda p: Slow(p, lion(0.8, 0.95, lr=1e-3, wd=0.5)),
    ),
    "lamb": (
        Lamb(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=0.1),
        lambda p: Slow(p, lamb(0.8, 0.95, lr=0.01, wd=0.1)),
    ),
    "lamb without decay": (
        Lamb(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=0.0),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-6),
    ),
    "adan": (
        Adan(lr=0.01, beta1=0.9, beta2=0.8, beta3=0.95, weight_decay=0.1),
        lambda p: Slow(p, adan(0.9, 0.8, 0.95, lr=0.01, wd=0.1)),
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_several_steps_follow_the_rule(case: str) -> None:
    spec, reference = CASES[case]
    torch.manual_seed(0)
    model = SmallCnnNet(4, 3, 0.0)
    twin = copy.deepcopy(model)
    start = [p.detach().clone() for p in model.parameters()]
    ours, theirs = train(model, build(spec, model)), train(twin, reference(twin.parameters()))
    for got, expected, before in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(got, expected, rtol=2e-5, atol=2e-6)
        assert (got - before).abs().max() > 1e-4


def test_lamb_clips_only_when_told() -> None:
    torch.manual_seed(0)
    model = SmallCnnNet(4, 3, 0.0)
    twin = copy.deepcopy(model)
    # One step from the same gradient, 1000 times larger: Adam's step does not see the scale, a clipped one neither,
    # but the memory does.
    for net, limit in ((model, None), (twin, 0.5)):
        optimizer = build(Lamb(max_grad_norm=limit), net)
        (1000 * net(torch.ones(8, 3, 8, 8)).square().mean()).backward()
        optimizer.step()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None))
        seen = math.sqrt(sum(float(optimizer.state[p]["exp_avg"].square().sum()) for p in net.parameters())) / 0.1
        assert norm > 10
        assert seen == pytest.approx(norm if limit is None else limit, rel=1e-4)


class OneWeight(nn.Module):
    """A single weight whose gradient is what you say."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value], dtype=torch.float64))

    def after(self, spec: AnyOptimizer, gradients: list[float]) -> float:
        optimizer = build(spec, self)
        for gradient in gradients:
            self.weight.grad = torch.tensor([gradient], dtype=torch.float64)
            optimizer.step()
        return self.weight.item()


def test_decoupled_decay_differs_from_l2_by_the_closed_form_in_adam() -> None:
    w, g, lr, wd = 3.0, -0.2, 0.01, 0.5
    coupled = OneWeight(w).after(Adam(lr=lr, weight_decay=wd), [g])
    decoupled = OneWeight(w).after(AdamW(lr=lr, weight_decay=wd), [g])
    # A first step of Adam is lr times the sign of what it is given: g + wd w = +1.3 with L2, and g = -0.2 without.
    assert coupled == pytest.approx(w - lr, rel=1e-9)
    assert decoupled == pytest.approx((1 - lr * wd) * w + lr, rel=1e-9)


def test_decoupled_decay_differs_from_l2_by_the_closed_form_in_sgd() -> None:
    w, g, lr, wd, m = 3.0, -0.2, 0.01, 0.5, 0.9
    l2, own = Sgd(lr=lr, momentum=m, weight_decay=wd), Sgdw(lr=lr, momentum=m, weight_decay=wd)
    assert OneWeight(w).after(l2, [g]) == pytest.approx(OneWeight(w).after(own, [g]), rel=1e-12)
    difference = OneWeight(w).after(l2, [g, g]) - OneWeight(w).after(own, [g, g])
    assert difference == pytest.approx(-lr * m * wd * w, rel=1e-9), "the first step's decay comes back with momentum"


class Shapes(nn.Module):
    """One parameter of each shape that the rule of Muon tells apart."""

    MATRICES = ("kernel", "pointwise", "head")
    OTHERS = ("bias", "depthwise", "small_head", "long", "position", "unit_side")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        for name, shape in {
            "kernel": (8, 3, 3, 3), "pointwise": (16, 8, 1, 1), "head": (5, 16),
            "bias": (8,), "depthwise": (8, 1, 3, 3), "small_head": (3, 16), "long": (4, 600), "position": (1, 7, 16),
            "unit_side": (8, 1),
        }.items():  # fmt: skip
            self.register_parameter(name, nn.Parameter(torch.randn(shape, generator=generator)))

    def with_gradients(self) -> "Shapes":
        generator = torch.Generator().manual_seed(2)
        for p in self.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        return self


def test_muon_takes_matrices_and_kernels_and_leaves_the_rest_to_adamw() -> None:
    model = Shapes().with_gradients()
    twin = Shapes().with_gradients()
    spec = Muon(lr=0.01, beta1=0.8, beta2=0.9, weight_decay=0.1)
    optimizer = build(spec, model)
    optimizer.step()
    adamw = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.8, 0.9), eps=1e-7, weight_decay=0.1)
    adamw.step()
    for name, parameter in model.named_parameters():
        by_adamw = torch.allclose(parameter, twin.get_parameter(name), rtol=1e-5, atol=1e-7)
        assert by_adamw == (name in Shapes.OTHERS), name
        assert ("momentum_buffer" in optimizer.state[parameter]) == (name in Shapes.MATRICES), name
    assert {*Shapes.MATRICES, *Shapes.OTHERS} == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("name", Shapes.MATRICES)
def test_a_step_of_muon_is_orthogonal_and_as_long_as_the_card_says(name: str) -> None:
    model = Shapes().with_gradients()
    lr, wd = 0.01, 0.1
    weight = model.get_parameter(name)
    before, gradient = weight.detach().clone().flatten(1), weight.grad
    assert gradient is not None
    build(Muon(lr=lr, weight_decay=wd), model).step()
    rows, columns = before.shape
    update = ((1 - lr * wd) * before - weight.detach().flatten(1)) / (lr * 0.2 * math.sqrt(max(rows, columns)))
    u, _, vh = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    assert torch.linalg.svdvals(update) == pytest.approx([1.0] * min(rows, columns), abs=0.15)
    alignment = (update * (u @ vh)).sum() / (update.norm() * (u @ vh).norm())
    assert alignment > 0.99


def test_all_that_muon_trains_follows_the_schedule() -> None:
    """Older versions of timm gave AdamW's part the first rate for ever."""
    model, twin = Shapes().with_gradients(), Shapes().with_gradients()
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    for net, rate in ((model, 0.01), (twin, 0.001)):
        optimizer = build(Muon(lr=0.01, weight_decay=0.0), net)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    for name, parameter in model.named_parameters():
        longer, shorter = parameter - start[name], twin.get_parameter(name) - start[name]
        torch.testing.assert_close(longer, 10 * shorter, rtol=1e-3, atol=2e-6)


def test_muon_remembers_an_average_of_the_gradients() -> None:
    model = Shapes().with_gradients()
    optimizer = build(Muon(momentum=0.8), model)
    optimizer.step()
    head = model.get_parameter("head")
    assert head.grad is not None
    first = head.grad.clone()
    head.grad = torch.ones(5, 16)
    optimizer.step()
    torch.testing.assert_close(optimizer.state[head]["momentum_buffer"], 0.8 * 0.2 * first + 0.2)
