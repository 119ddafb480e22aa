"""The probe of a training step keeps to its budget, whatever the networks are, and says where it guessed."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ablations.planning import step_probe
from ablations.planning.step_probe import LARGE, SMALL, StepProbe
from pipeline.experiment import StageSpec
from tests.ablations.grids import MIXUP, grid, plan_of


def stage(width: int, size: int = 32, batch: int = 20) -> StageSpec:
    spec = plan_of(grid({"model": {"kind": "small_cnn", "width": width}}, factors={"mixup": MIXUP})).runs[0].spec
    data = spec.data.model_copy(update={"image_size_px": size})
    return spec.model_copy(update={"data": data, "budget": spec.budget.model_copy(update={"batch_size": batch})})


class Slow:
    """A clock that only moves when a network gets images."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, image_s: float) -> None:
        self.now, self.shown = 0.0, []
        outer = self

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = nn.Linear(3, 4)

            def forward(self, images: Tensor) -> Tensor:
                outer.now += image_s * len(images)
                outer.shown.append(len(images))
                return self.head(images.mean((2, 3)))

        monkeypatch.setattr(step_probe, "build_model", lambda *args: Network())

    def __call__(self) -> float:
        return self.now


def test_a_quick_network_is_timed_on_a_large_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 0.001)
    probe = StepProbe(10.0, clock)
    assert probe.step_s(stage(8), 4) == pytest.approx(0.001 * 20)
    assert (clock.shown, probe.num_rough) == ([SMALL, LARGE, LARGE], 0)
    assert probe.step_s(stage(8, batch=200), 4) == pytest.approx(0.001 * 200), "the same network: known"
    assert len(clock.shown) == 3


def test_a_slow_one_is_timed_on_two_images_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 1.0)
    probe = StepProbe(10.0, clock)
    assert probe.step_s(stage(8, batch=256), 4) == pytest.approx(256.0)
    assert (clock.shown, probe.num_rough) == ([SMALL], 1)


def test_when_the_budget_is_spent_flops_say_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 10.0)
    probe = StepProbe(10.0, clock)
    small = probe.step_s(stage(8), 4)
    large = probe.step_s(stage(8, size=64), 4)
    assert clock.shown == [SMALL], "the second was not run"
    assert large / small == pytest.approx(4, rel=0.1), "four times the pixels"
    assert probe.num_rough == 2
    assert clock.now == pytest.approx(20.0)


def test_a_real_step_takes_some_time() -> None:
    took: Any = StepProbe().step_s(stage(8), 4)
    assert 0 < took < math.inf
    assert torch.is_grad_enabled()
