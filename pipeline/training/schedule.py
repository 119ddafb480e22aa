"""A schedule at work: sets the rate, and where the schedule says so the momentum, of every parameter group."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import nn
from torch.optim import Optimizer

from pipeline.spec.errors import Impossible
from pipeline.spec.optim import AnyOptimizer
from pipeline.spec.schedule import AnySchedule, Plateau
from pipeline.training.optimizer import build_optimizer, param_options


@dataclass(frozen=True, slots=True)
class PlateauMemory:
    """What a plateau schedule remembers between evaluations."""

    factor: float = 1.0  # the product of the drops so far
    best: float | None = None
    num_bad: int = 0  # evaluations without a gain since the best one, or since the last drop


def after_evaluation(spec: Plateau, memory: PlateauMemory, value: float) -> PlateauMemory:
    """The memory after one more evaluation with this value of the metric."""
    gain = -1.0 if spec.metric == "nll" else 1.0  # the direction in which it improves
    if memory.best is None or gain * (value - memory.best) > spec.min_delta:
        return replace(memory, best=value, num_bad=0)
    if memory.num_bad < spec.patience:
        return replace(memory, num_bad=memory.num_bad + 1)
    return replace(memory, factor=max(memory.factor * spec.factor, spec.min_frac), num_bad=0)


def check_schedule(spec: AnySchedule, optimizer: AnyOptimizer, num_epochs: int, where: str = "schedule") -> None:
    """Refuse a schedule that cycles the momentum of an optimizer that has none.

    Raises:
        Impossible: naming both.
    """
    if spec.momentum_at(0.0, num_epochs) is not None:  # else there is nothing to build an optimizer for
        probe = nn.Linear(2, 2)
        check_momentum(spec, build_optimizer(optimizer, probe, param_options(optimizer, probe)), where)


def check_momentum(spec: AnySchedule, optimizer: Optimizer, where: str) -> None:
    """The same for an optimizer that is built.

    Raises:
        Impossible: naming both.
    """
    if not all("momentum" in group or "betas" in group for group in optimizer.param_groups):
        raise Impossible(
            f"{where}: {spec.kind} cycles the momentum, but {type(optimizer).__name__} has neither `momentum` nor "
            "`betas`; set schedule.momentum: null, or use another optimizer"
        )


class RateControl:
    """Call `set` before each step, and `after_eval` after each evaluation.

    A group's peak is the `lr` that it has when this is built, so that groups with rates of their own keep their ratio.
    """

    def __init__(self, spec: AnySchedule, optimizer: Optimizer, num_epochs: int) -> None:
        self._spec, self._optimizer, self._num_epochs = spec, optimizer, num_epochs
        self._peaks: list[float] = [group["lr"] for group in optimizer.param_groups]
        self._epoch = 0.0
        self._memory = PlateauMemory()
        if spec.momentum_at(0.0, num_epochs) is not None:
            check_momentum(spec, optimizer, "schedule")

    def set(self, epoch: float, lr_scale: float = 1.0) -> None:
        """Before each step.

        Args:
            epoch: time since the start of training, with the fraction of the epoch done.
            lr_scale: one more factor on every rate, as for a batch that has grown.
        """
        self._epoch = epoch
        frac = self._spec.lr_frac(epoch, self._num_epochs) * self._memory.factor * lr_scale
        momentum = self._spec.momentum_at(epoch, self._num_epochs)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * frac
            if momentum is not None:
                set_momentum(group, momentum)

    def after_eval(self, metrics: dict[str, float]) -> None:
        """For schedules that look at the results.  metrics: val/nll, val/top1 ... of this epoch."""
        # An evaluation during the warm-up says nothing about the peak; timm's plateau schedule ignores it too.
        if isinstance(self._spec, Plateau) and self._epoch >= self._spec.warmup_epochs:
            self._memory = after_evaluation(self._spec, self._memory, metrics[f"val/{self._spec.metric}"])

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: all that does not follow from the time."""
        return asdict(self._memory)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._memory = PlateauMemory(**state)


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Set it wherever the group has it: Muon has one for its matrices and a beta1 for the rest."""
    if "momentum" in group:
        group["momentum"] = momentum
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
