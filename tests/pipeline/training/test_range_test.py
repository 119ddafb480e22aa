"""The range test against training as anybody would write it, and on a quadratic whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.training.range_test import RangeCurve, growing_rates, range_test, sweep
from pipeline.training.team import Team
from tests.pipeline.stages import SHARE, digits_stage, example, stage_job
from tests.pipeline.training.plain import plain_training


def curve_of(digits: DataHandle, folder: Path, rates: list[float], *strategies: dict, **changes) -> RangeCurve:
    job = stage_job(digits_stage(*strategies, **changes), folder)
    return range_test(job, digits, Team.alone(), SHARE, rates)


@pytest.mark.parametrize("num_shards", [1, 2])
def test_losses_are_those_of_a_plain_loop_at_these_rates(digits: DataHandle, tmp_path: Path, num_shards: int) -> None:
    """Twenty steps: more than the twelve of the stage's own budget."""
    rates = growing_rates(1e-4, 0.3, 20)
    curve = curve_of(digits, tmp_path, rates, budget={"epochs": 3, "batch_size": 64, "num_shards": num_shards})
    plain = plain_training(digits, 0, rates, num_shards, epochs=5)
    np.testing.assert_allclose(curve.losses, plain.losses, atol=1e-5, rtol=0)
    assert curve.rates == tuple(rates)
    assert curve.ended == "highest rate"
    assert plain.losses[0] - min(plain.losses) > 0.1, "it learns, so later steps depend on earlier ones"


def test_the_schedule_of_the_stage_does_not_matter(digits: DataHandle, tmp_path: Path) -> None:
    rates = growing_rates(1e-3, 0.3, 8)
    curves = [
        curve_of(digits, tmp_path, rates, schedule=schedule, optimizer={"kind": "sgd", "lr": lr})
        for schedule, lr in (({"kind": "constant"}, 0.05), ({"kind": "one_cycle"}, 0.7))
    ]
    np.testing.assert_allclose(curves[0].losses, curves[1].losses, rtol=1e-6)


def test_strategies_are_at_work(digits: DataHandle, tmp_path: Path) -> None:
    rates = growing_rates(1e-3, 0.1, 8)
    plain, smoothed = (
        curve_of(digits, tmp_path, rates, *strategies) for strategies in ((), (example("label_smoothing"),))
    )
    assert abs(plain.losses[-1] - smoothed.losses[-1]) > 1e-3
    growing = curve_of(digits, tmp_path, growing_rates(1e-3, 0.1, 12), example("progressive_resizing"))
    assert len(growing.image_sizes_px) > 1


def test_a_loss_that_runs_away_ends_the_test_and_nothing_is_kept(digits: DataHandle, tmp_path: Path) -> None:
    curve = curve_of(digits, tmp_path, growing_rates(1e-2, 1e12, 40))
    assert curve.ended in ("runaway loss", "loss not finite")
    assert len(curve.rates) == len(curve.losses) < 40
    assert all(math.isfinite(loss) for loss in curve.losses)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def quadratic(curvature: float, rates: list[float]) -> RangeCurve:
    """Gradient descent by torch on curvature / 2 * w^2, from w = 1."""
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)

    def step(rate: float) -> float:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = (curvature / 2 * w**2).sum()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return sweep(rates, step)


@pytest.mark.parametrize("curvature", [0.5, 4.0, 1000.0])
def test_a_quadratic_is_lowest_where_its_rate_is_twice_the_inverse_curvature(curvature: float) -> None:
    """Each step multiplies w by 1 - rate * curvature: it shrinks below 2 / curvature and grows above."""
    rates = growing_rates(1e-3 / curvature, 1e3 / curvature, 120)
    curve = quadratic(curvature, rates)
    assert curve.ended == "runaway loss"
    losses = np.array(curve.losses)
    turns = int(np.argmin(losses))
    assert rates[turns - 1] < 2 / curvature <= rates[turns]
    expected = curvature / 2 * np.cumprod([1.0, *(1 - np.array(curve.rates) * curvature)])[:-1] ** 2
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    assert losses[-1] > losses[0], "it ends above where it began, however low it has been"


def test_a_low_loss_may_rise_without_running_away() -> None:
    losses = iter([2.0, 1.0, 0.1, 0.001, 0.001, 0.01, 0.02, 0.001])
    curve = sweep(growing_rates(1e-3, 1.0, 8), lambda rate: next(losses))
    assert curve.ended == "highest rate"


def test_rates_grow_by_one_factor_from_end_to_end() -> None:
    rates = growing_rates(1e-5, 10.0, 7)
    np.testing.assert_allclose(rates, [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
