import math

import pytest
import torch

from pipeline.spec.optim import AnySchedule, Constant, Cosine
from pipeline.training.schedule import RateControl

STEPS, EPOCHS, PEAK = 7, 6, 0.3


def rates(spec: AnySchedule, num_groups: int = 1) -> list[list[float]]:
    """The rate of every group at every step, as the optimizer sees it."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": PEAK} for _ in range(num_groups)]
    optimizer = torch.optim.SGD(groups, lr=PEAK)
    control = RateControl(spec, optimizer, EPOCHS)
    seen = []
    for step in range(STEPS * EPOCHS):
        control.set(step / STEPS)
        seen.append([group["lr"] for group in optimizer.param_groups])
    return seen


def warm(step: int, warmup: float, start_frac: float) -> float:
    return PEAK * (start_frac + (1 - start_frac) * step / warmup)


@pytest.mark.parametrize("warmup_epochs", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("final_frac", [0.0, 0.1])
def test_cosine_at_every_step(warmup_epochs: float, final_frac: float) -> None:
    spec = Cosine(warmup_epochs=warmup_epochs, warmup_start_frac=0.05, final_frac=final_frac)
    warmup, total = warmup_epochs * STEPS, STEPS * EPOCHS
    low = final_frac * PEAK
    for step, (rate,) in enumerate(rates(spec)):
        if step < warmup:
            expected = warm(step, warmup, 0.05)
        else:
            done = (step - warmup) / (total - warmup)
            expected = low + (PEAK - low) * (1 + math.cos(math.pi * done)) / 2
        assert rate == pytest.approx(expected, rel=1e-9), step


def test_cosine_without_warm_up_is_torchs() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS * EPOCHS, eta_min=0.03)
    for (rate,) in rates(Cosine(final_frac=0.1)):
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("warmup_epochs", [0.0, 1.0, 2.5])
def test_constant_at_every_step(warmup_epochs: float) -> None:
    warmup = warmup_epochs * STEPS
    for step, (rate,) in enumerate(rates(Constant(warmup_epochs=warmup_epochs, warmup_start_frac=0.2))):
        expected = warm(step, warmup, 0.2) if step < warmup else PEAK
        assert rate == pytest.approx(expected, rel=1e-9), step


@pytest.mark.parametrize("spec", [Constant(warmup_epochs=1), Cosine(warmup_epochs=1)])
def test_all_groups_follow(spec: AnySchedule) -> None:
    assert all(first == second for first, second in rates(spec, num_groups=2))


@pytest.mark.parametrize("spec", [Constant(warmup_epochs=1), Cosine(warmup_epochs=1)])
def test_a_resumed_schedule_needs_no_state(spec: AnySchedule) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    RateControl(spec, optimizer, EPOCHS).set(23 / STEPS)
    assert optimizer.param_groups[0]["lr"] == rates(spec)[23][0]
