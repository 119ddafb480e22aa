"""Every schedule against torch's or timm's own, step by step; the curves' own fields are tested beside the spec."""

import json
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from timm.scheduler import (
    CosineLRScheduler,
    MultiStepLRScheduler,
    PolyLRScheduler,
    StepLRScheduler,
)
from timm.scheduler.scheduler import Scheduler
from timm.scheduler.wsd_lr import WSDLRScheduler
from torch.optim import Adagrad, Adam, Optimizer, lr_scheduler

from pipeline.spec.errors import SpecError
from pipeline.spec.schedule import (
    AnySchedule,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Step,
    Wsd,
)
from pipeline.training.schedule import RateControl

STEPS, EPOCHS, PEAK = 7, 6, 0.3
TOTAL = STEPS * EPOCHS


def sgd(peaks: Sequence[float] = (PEAK,), momentum: float = 0.9) -> Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": peak} for peak in peaks]
    return torch.optim.SGD(groups, lr=PEAK, momentum=momentum)


def times() -> list[float]:
    """As the loop counts them: the epoch, and the share of its steps that are done."""
    return [epoch + step / STEPS for epoch in range(EPOCHS) for step in range(STEPS)]


def rates(spec: AnySchedule) -> list[float]:
    """The rate at every step, as the optimizer sees it."""
    optimizer = sgd()
    control = RateControl(spec, optimizer, EPOCHS)
    seen = []
    for epoch in times():
        control.set(epoch)
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def torch_rates(build: Callable[[Optimizer], lr_scheduler.LRScheduler]) -> list[float]:
    optimizer = sgd()
    scheduler = build(optimizer)
    seen = []
    for _ in range(TOTAL):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def timm_rates(build: Callable[[Optimizer], Scheduler]) -> list[float]:
    optimizer = sgd()
    scheduler = build(optimizer)
    seen = []
    for step in range(TOTAL):
        scheduler.step_update(step)
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def stable_decay(optimizer: Optimizer, shape: str) -> Scheduler:
    return WSDLRScheduler(
        optimizer, TOTAL - STEPS, decay_t=TOTAL // 2, lr_min=0.1 * PEAK, decay_fn=shape, warmup_t=STEPS,
        warmup_lr_init=0.2 * PEAK, t_in_epochs=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (Constant(), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (Step(every_epochs=2, factor=0.3), lambda o: lr_scheduler.StepLR(o, 2 * STEPS, gamma=0.3)),
        (MultiStep(at_epochs=(1, 4), factor=0.2), lambda o: lr_scheduler.MultiStepLR(o, [STEPS, 4 * STEPS], gamma=0.2)),
        (MultiStep(at_fracs=(0.5, 2 / 3)), lambda o: lr_scheduler.MultiStepLR(o, [3 * STEPS, 4 * STEPS], gamma=0.1)),
        (Exponential(factor=0.7), lambda o: lr_scheduler.ExponentialLR(o, gamma=0.7 ** (1 / STEPS))),
        (Polynomial(power=2.0), lambda o: lr_scheduler.PolynomialLR(o, total_iters=TOTAL, power=2.0)),
        (Polynomial(power=0.9), lambda o: lr_scheduler.PolynomialLR(o, total_iters=TOTAL, power=0.9)),
        (Linear(final_frac=0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=TOTAL)),
        (Cosine(), lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL)),
        (Cosine(final_frac=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL, eta_min=0.1 * PEAK)),
        (
            CosineRestarts(first_epochs=1, mult=2, final_frac=0.05),
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, STEPS, T_mult=2, eta_min=0.05 * PEAK),
        ),
        (
            CosineRestarts(first_epochs=2, mult=1),
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2 * STEPS, T_mult=1),
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_the_rate_is_torchs_at_every_step(
    spec: AnySchedule, reference: Callable[[Optimizer], lr_scheduler.LRScheduler]
) -> None:
    assert rates(spec) == pytest.approx(torch_rates(reference), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (
            Cosine(warmup_epochs=2, warmup_start_frac=0.05, final_frac=0.1),
            lambda o: CosineLRScheduler(
                o, TOTAL - 2 * STEPS, lr_min=0.1 * PEAK, warmup_t=2 * STEPS, warmup_lr_init=0.05 * PEAK,
                warmup_prefix=True, t_in_epochs=False,
            ),
        ),
        (
            CosineRestarts(first_epochs=1, mult=2, decay=0.5, final_frac=0.1, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: CosineLRScheduler(
                o, STEPS, lr_min=0.1 * PEAK, cycle_mul=2, cycle_decay=0.5, cycle_limit=9, warmup_t=STEPS,
                warmup_lr_init=0.2 * PEAK, warmup_prefix=True, t_in_epochs=False,
            ),
        ),
        (
            Polynomial(power=0.9, final_frac=0.2, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: PolyLRScheduler(
                o, TOTAL - STEPS, power=0.9, lr_min=0.2 * PEAK, warmup_t=STEPS, warmup_lr_init=0.2 * PEAK,
                warmup_prefix=True, t_in_epochs=False,
            ),
        ),
        (  # without a prefix: times count from the start of training
            Step(every_epochs=2, factor=0.3, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: StepLRScheduler(
                o, 2 * STEPS, decay_rate=0.3, warmup_t=STEPS, warmup_lr_init=0.2 * PEAK, warmup_prefix=False,
                t_in_epochs=False,
            ),
        ),
        (
            MultiStep(at_epochs=(2, 5), factor=0.3, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: MultiStepLRScheduler(
                o, [2 * STEPS + 1, 5 * STEPS + 1], decay_rate=0.3, warmup_t=STEPS, warmup_lr_init=0.2 * PEAK,
                warmup_prefix=False, t_in_epochs=False,  # a milestone m of timm's applies at m - 1
            ),
        ),
        (
            Wsd(decay_frac=0.5, shape="linear", final_frac=0.1, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: stable_decay(o, "linear"),
        ),
        (
            Wsd(decay_frac=0.5, shape="sqrt", final_frac=0.1, warmup_epochs=1, warmup_start_frac=0.2),
            lambda o: stable_decay(o, "1-sqrt"),
        ),
    ],
    ids=["cosine", "cosine_restarts", "polynomial", "step", "multi_step", "wsd linear", "wsd sqrt"],
)  # fmt: skip
def test_the_rate_after_a_warm_up_is_timms_at_every_step(
    spec: AnySchedule, reference: Callable[[Optimizer], Scheduler]
) -> None:
    assert rates(spec) == pytest.approx(timm_rates(reference), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("warmup_epochs", [0.5, 1.0, 2.5])
def test_a_constant_rate_after_a_warm_up_at_every_step(warmup_epochs: float) -> None:
    for epoch, rate in zip(times(), rates(Constant(warmup_epochs=warmup_epochs, warmup_start_frac=0.2)), strict=True):
        expected = PEAK * (0.2 + 0.8 * epoch / warmup_epochs) if epoch < warmup_epochs else PEAK
        assert rate == pytest.approx(expected, rel=1e-9), epoch


def test_stable_decay_is_the_published_formula() -> None:
    # Haegele et al. 2024: the peak until N - N_decay, then 1 - sqrt((n - (N - N_decay)) / N_decay) of it.
    decay = round(0.4 * TOTAL)
    spec = Wsd(decay_frac=decay / TOTAL, shape="sqrt")
    for n, rate in enumerate(rates(spec)):
        expected = 1.0 if n < TOTAL - decay else 1 - math.sqrt((n - (TOTAL - decay)) / decay)
        assert rate == pytest.approx(PEAK * expected, rel=1e-6, abs=1e-9), n


def test_exponential_meets_torchs_at_whole_epochs() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.7)
    for rate in rates(Exponential(factor=0.7))[::STEPS]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("anneal", "strategy"), [("cosine", "cos"), ("linear", "linear")])
@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("pct_start", [0.3, 0.5])
def test_one_cycle_is_torchs_with_momentum(anneal: str, strategy: str, adam: bool, pct_start: float) -> None:
    def build() -> Optimizer:
        return Adam([torch.nn.Parameter(torch.zeros(1))], lr=PEAK, betas=(0.5, 0.99)) if adam else sgd()

    spec = OneCycle.model_validate(
        {"pct_start": pct_start, "start_frac": 0.1, "final_frac": 0.001, "anneal": anneal,
         "momentum": {"high": 0.97, "low": 0.8}}
    )  # fmt: skip
    ours, theirs = build(), build()
    control = RateControl(spec, ours, EPOCHS)
    # torch's last step is at the end of the fall and its knee one step early, ours are where the shares say: N + 1
    # steps and the knee moved by one make both the same curve.
    scheduler = lr_scheduler.OneCycleLR(
        theirs, max_lr=PEAK, total_steps=TOTAL + 1, pct_start=(pct_start * TOTAL + 1) / (TOTAL + 1), base_momentum=0.8,
        max_momentum=0.97, div_factor=10.0, final_div_factor=100.0, anneal_strategy=strategy,  # type: ignore[arg-type]
    )  # fmt: skip
    for epoch in [*times(), float(EPOCHS)]:
        control.set(epoch)
        (mine,), (reference,) = ours.param_groups, theirs.param_groups
        assert mine["lr"] == pytest.approx(reference["lr"], rel=1e-9), epoch
        key = "betas" if adam else "momentum"
        assert mine[key] == pytest.approx(reference[key], rel=1e-9), epoch
        theirs.step()
        if epoch < EPOCHS:
            scheduler.step()


def test_one_cycle_refuses_an_optimizer_without_momentum() -> None:
    optimizer = Adagrad([torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(SpecError, match="one_cycle cycles the momentum, but Adagrad has neither"):
        RateControl(OneCycle(), optimizer, EPOCHS)
    RateControl(OneCycle(momentum=None), optimizer, EPOCHS).set(1.0)


def test_a_momentum_that_the_schedule_does_not_cycle_stays() -> None:
    optimizer = sgd(momentum=0.7)
    RateControl(OneCycle(momentum=None), optimizer, EPOCHS).set(2.0)
    assert optimizer.param_groups[0]["momentum"] == 0.7


@pytest.mark.parametrize("spec", [Constant(warmup_epochs=1), Cosine(warmup_epochs=1), OneCycle(), Wsd()])
def test_groups_keep_the_ratio_of_their_own_rates(spec: AnySchedule) -> None:
    optimizer = sgd((PEAK, PEAK / 10))
    control = RateControl(spec, optimizer, EPOCHS)
    for epoch, expected in zip(times(), rates(spec), strict=True):
        control.set(epoch)
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == expected
        assert second == pytest.approx(expected / 10, rel=1e-12)
        control.set(epoch, lr_scale=4.0)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(4 * expected, rel=1e-12)


@pytest.mark.parametrize("spec", [Constant(warmup_epochs=1), Cosine(warmup_epochs=1), OneCycle()])
def test_a_resumed_schedule_needs_no_state(spec: AnySchedule) -> None:
    optimizer = sgd()
    RateControl(spec, optimizer, EPOCHS).set(times()[23])
    assert optimizer.param_groups[0]["lr"] == rates(spec)[23]


def made_up_metric(metric: str) -> list[float]:
    """Thirty evaluations that gain, stall, and gain less than the smallest that counts."""
    generator = torch.Generator().manual_seed(5)
    noise = (0.02 * torch.randn(30, generator=generator)).tolist()
    level = [0.9 * math.exp(-i / 6) + 0.3 + noise[i] for i in range(30)]
    return level if metric == "nll" else [1 - value for value in level]


@pytest.mark.parametrize("metric", ["nll", "top1"])
@pytest.mark.parametrize(("patience", "min_delta"), [(0, 0.0), (1, 0.01), (2, 0.02), (4, 0.03)])
@pytest.mark.parametrize("min_frac", [0.0, 0.3])
def test_plateau_decides_as_torch_does(metric: str, patience: int, min_delta: float, min_frac: float) -> None:
    spec = Plateau.model_validate(
        {"patience": patience, "factor": 0.5, "metric": metric, "min_delta": min_delta, "min_frac": min_frac}
    )
    ours, theirs = sgd(), sgd()
    reference = lr_scheduler.ReduceLROnPlateau(
        theirs, "min" if metric == "nll" else "max", factor=0.5, patience=patience, threshold=min_delta,
        threshold_mode="abs", min_lr=min_frac * PEAK,
    )  # fmt: skip
    control = RateControl(spec, ours, 40)
    seen = []
    for epoch, value in enumerate(made_up_metric(metric)):
        control.set(epoch + 0.9)
        seen.append(ours.param_groups[0]["lr"])
        assert seen[-1] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-6), epoch
        control.after_eval({f"val/{metric}": value, "val/other": 0.0})
        reference.step(value)
    assert seen[-1] < PEAK, "it dropped at least once"


def test_plateau_goes_on_from_a_checkpoint() -> None:
    spec = Plateau(patience=1, factor=0.5, min_delta=0.01)
    series = made_up_metric("nll")
    through, first = RateControl(spec, sgd(), 40), RateControl(spec, sgd(), 40)
    optimizer = sgd()
    for epoch, value in enumerate(series[:13]):
        for control in (through, first):
            control.set(float(epoch))
            control.after_eval({"val/nll": value})
    second = RateControl(spec, optimizer, 40)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for epoch, value in enumerate(series[13:], 13):
        second.set(float(epoch))
        through.set(float(epoch))
        for control in (through, second):
            control.after_eval({"val/nll": value})
        assert second.state_dict() == through.state_dict()
    assert optimizer.param_groups[0]["lr"] < PEAK / 2, "it dropped before and after"


def test_plateau_does_not_judge_the_warm_up() -> None:
    optimizer = sgd()
    control = RateControl(Plateau(patience=0, warmup_epochs=3, factor=0.1), optimizer, 10)
    for epoch in range(3):
        control.set(epoch + 0.9)
        control.after_eval({"val/nll": 1.0 + epoch})
    control.set(3.5)
    assert optimizer.param_groups[0]["lr"] == PEAK
    for value in (9.0, 9.0):
        control.after_eval({"val/nll": value})
    control.set(4.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(PEAK / 10)


def test_other_schedules_do_not_look_at_the_results() -> None:
    optimizer = sgd()
    control = RateControl(Cosine(), optimizer, EPOCHS)
    for _ in range(5):
        control.after_eval({"val/nll": 1.0, "val/top1": 0.1})
    control.set(3.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(PEAK / 2)
