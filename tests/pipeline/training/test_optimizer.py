import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.spec.optim import AdamW, AnyOptimizer, Sgd, TimmOptimizer
from pipeline.training.optimizer import build_optimizer, check_optimizer, param_options


def train(model: nn.Module, optimizer: Optimizer) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(6):
        images = torch.randn(8, 3, 8, 8, generator=generator)
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (
            Sgd(lr=0.05, momentum=0.8, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.01),
        ),
        (
            Sgd(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.0),
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
        ),
        (Sgd(lr=0.05, momentum=0.0, weight_decay=0.1), lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1)),
        (
            AdamW(lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.1),
            lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.99), weight_decay=0.1),
        ),
        (
            TimmOptimizer(name="adam", lr=0.01, options={"betas": (0.7, 0.9)}),
            lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.7, 0.9)),
        ),
    ],
    ids=["sgd", "nesterov", "plain sgd", "adamw", "adam by timm"],
)
def test_several_steps_are_torchs(spec: AnyOptimizer, reference: Callable[..., Optimizer]) -> None:
    torch.manual_seed(0)
    model = SmallCnnNet(4, 3, 0.0)
    twin = copy.deepcopy(model)
    start = [p.detach().clone() for p in model.parameters()]
    ours, theirs = (
        train(model, build_optimizer(spec, model, param_options(spec, model))),
        train(twin, reference(twin.parameters())),
    )
    for got, expected, before in zip(ours, theirs, start, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-7)
        assert (got - before).abs().max() > 1e-5


def test_decay_reaches_every_parameter() -> None:
    model = SmallCnnNet(4, 3, 0.0)
    spec = Sgd(weight_decay=0.2)
    optimizer = build_optimizer(spec, model, param_options(spec, model))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2]
    assert len(optimizer.param_groups[0]["params"]) == len(list(model.parameters()))


def test_an_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"here.name: timm.optim has no optimizer 'lamp'; the nearest are .*lamb"):
        check_optimizer(TimmOptimizer(name="lamp", lr=0.1), "here")


def test_options_an_optimizer_does_not_take_are_refused() -> None:
    with pytest.raises(SpecError, match=r"here: .*zork.*See timm.optim"):
        check_optimizer(TimmOptimizer(name="lamb", lr=0.1, options={"zork": 1}), "here")
    with pytest.raises(SpecError, match=r"no optimizer '1234567'; it has adabelief, "):
        check_optimizer(TimmOptimizer(name="1234567", lr=0.1), "here")
