import copy
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import timm
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.data.handle import DataHandle
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.sam import SamConfig, climb
from pipeline.types import LossTerms
from tests.pipeline.stages import digits_stage, stage_job, train_alone
from tests.pipeline.strategies.contract import context

Variant = Literal["sam", "asam"]


def run(config: SamConfig, backward: Callable[[], LossTerms], model: nn.Module) -> LossTerms:
    return config.runtime(config, context()).compute_gradients(backward, model)


class Bowl(nn.Module):
    """L(w) = w' A w / 2, whose gradient is A w."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
        self.register_buffer("a", root @ root.T)
        self.w = nn.Parameter(torch.randn(4, generator=generator, dtype=torch.float64))

    def loss(self) -> Tensor:
        return self.w @ self.get_buffer("a") @ self.w / 2


@pytest.mark.parametrize("rho", [0.05, 0.7])
@pytest.mark.parametrize("variant", ["sam", "asam"])
def test_on_a_quadratic_it_is_the_closed_form(rho: float, variant: Variant) -> None:
    model = Bowl()
    a, w = model.get_buffer("a"), model.w.detach().clone()

    def backward() -> LossTerms:
        model.zero_grad()
        loss = model.loss()
        loss.backward()
        return {"loss": loss.detach()}

    terms = run(SamConfig(rho=rho, variant=variant), backward, model)
    g = a @ w
    t = w.abs() + 0.01 if variant == "asam" else torch.ones_like(w)
    assert model.w.grad is not None
    torch.testing.assert_close(model.w.grad, a @ (w + rho * t**2 * g / (t * g).norm()))
    assert torch.equal(model.w, w), "the weights are back, bit for bit"
    torch.testing.assert_close(terms["loss"], w @ g / 2)


@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_the_climb_has_length_rho_and_raises_the_loss(rho: float) -> None:
    model = Bowl()
    (gradient,) = torch.autograd.grad(model.loss(), model.w)
    (step,) = climb([model.w.detach()], [gradient], rho, "sam")
    assert float(step.norm()) == pytest.approx(rho, rel=1e-9)
    (scaled,) = climb([model.w.detach()], [1024 * gradient], rho, "sam")
    torch.testing.assert_close(scaled, step, msg="a scaled loss climbs to the same place")
    low = float(model.loss().detach())
    with torch.no_grad():
        model.w.add_(step)
    assert float(model.loss().detach()) > low


def test_asam_does_not_change_when_weights_are_rescaled() -> None:
    """Up to eta: halving a weight doubles its gradient, and its step is halved."""
    w, g = torch.tensor([40.0, -80.0]), torch.tensor([0.5, 1.5])
    (step,), (half,) = (climb([s * w], [g / s], 0.3, "asam") for s in (1.0, 0.5))
    torch.testing.assert_close(half, 0.5 * step, rtol=2e-3, atol=0)


def test_a_zero_gradient_stays_where_it_is() -> None:
    assert climb([torch.ones(3)], [torch.zeros(3)], 0.1, "sam")[0].tolist() == [0.0, 0.0, 0.0]


def batches(num_shards: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    return [
        (torch.randn(6, 3, 16, 16, generator=generator), torch.randint(0, 5, (6,), generator=generator))
        for _ in range(num_shards)
    ]


def mean_loss(model: nn.Module, shards: list[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.stack([nn.functional.cross_entropy(model(x), y) for x, y in shards]).mean()


def slow_gradients(
    model: nn.Module, shards: list[tuple[Tensor, Tensor]], rho: float, variant: Variant
) -> dict[str, Tensor]:
    """The definition on a copy of the network, parameter by parameter."""
    twin = copy.deepcopy(model)
    gradients = torch.autograd.grad(mean_loss(twin, shards), list(twin.parameters()))
    scales = [p.detach().abs() + 0.01 if variant == "asam" else torch.ones_like(p) for p in twin.parameters()]
    length = sum(float((t * g).double().square().sum()) for t, g in zip(scales, gradients, strict=True)) ** 0.5
    with torch.no_grad():
        for p, t, g in zip(twin.parameters(), scales, gradients, strict=True):
            p += rho * t * t * g / length
    worst = torch.autograd.grad(mean_loss(twin, shards), list(twin.parameters()))
    return dict(zip(dict(twin.named_parameters()), worst, strict=True))


@pytest.mark.parametrize("num_shards", [1, 2])
@pytest.mark.parametrize("variant", ["sam", "asam"])
def test_on_a_network_the_climb_sees_all_shards_and_batch_statistics_see_one_pass(
    num_shards: int, variant: Variant
) -> None:
    torch.manual_seed(0)
    model = SmallCnnNet(5, 4, 0.0).train()
    shards = batches(num_shards)
    expected = slow_gradients(model, shards, 0.2, variant)
    once = copy.deepcopy(model)
    for images, _ in shards:
        once(images)
    passes = {"forward": 0, "backward": 0}
    model.register_forward_hook(lambda *_: passes.update(forward=passes["forward"] + 1))

    def backward() -> LossTerms:
        model.zero_grad()
        for images, labels in shards:
            (nn.functional.cross_entropy(model(images), labels) / num_shards).backward()
            passes["backward"] += 1
        return {"n": torch.tensor(float(passes["backward"]))}

    terms = run(SamConfig(rho=0.2, variant=variant), backward, model)
    assert passes == {"forward": 2 * num_shards, "backward": 2 * num_shards}
    assert float(terms["n"]) == num_shards, "what is reported is the first pass"
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-6, msg=name)
    for name, value in once.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_norms_of_timm_rest_too_and_frozen_ones_stay_frozen() -> None:
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=5).train()
    frozen: nn.Module = model.get_submodule("layer1.0.bn1").eval()
    before = copy.deepcopy(frozen.state_dict())
    once = copy.deepcopy(model)
    images = torch.randn(4, 3, 32, 32)
    once(images)

    def backward() -> LossTerms:
        model.zero_grad()
        model(images).square().mean().backward()
        return {}

    run(SamConfig(), backward, model)
    for name, value in once.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert all(torch.equal(frozen.state_dict()[name], value) for name, value in before.items())
    assert not frozen.training
    assert all(m.track_running_stats for m in model.modules() if isinstance(m, nn.BatchNorm2d))


def test_frozen_parameters_do_not_move() -> None:
    torch.manual_seed(0)
    model = SmallCnnNet(5, 4, 0.0)
    frozen = model.get_parameter("features.0.weight").requires_grad_(False)
    seen: list[Tensor] = []

    def backward() -> LossTerms:
        seen.append(frozen.clone())
        model.zero_grad()
        mean_loss(model, batches(1)).backward()
        return {}

    run(SamConfig(rho=0.5), backward, model)
    assert torch.equal(seen[0], seen[1])
    assert frozen.grad is None


def test_without_a_radius_there_is_nothing_to_climb() -> None:
    with pytest.raises(ValidationError, match="rho"):
        SamConfig(rho=0.0)


def test_both_passes_drop_the_same_units(digits: DataHandle, tmp_path: Path) -> None:
    """With dropout, and no climb to speak of, the second gradient is the first, bit for bit."""
    dropout = {"kind": "small_cnn", "width": 4, "drop_rate": 0.5}
    neutral = SamConfig.neutral().model_dump(mode="json")
    bare, sam = (
        train_alone(stage_job(digits_stage(*strategies, model=dropout), tmp_path / name), digits)
        for name, strategies in (("bare", ()), ("sam", (neutral,)))
    )
    assert sam.curves.series == bare.curves.series
