"""Sets the learning rate of every parameter group before each step."""

from typing import Any

from torch.optim import Optimizer

from pipeline.spec.optim import AnySchedule


class RateControl:
    """A schedule at work on an optimizer."""

    def __init__(self, spec: AnySchedule, optimizer: Optimizer, num_epochs: int) -> None:
        self._spec, self._optimizer, self._num_epochs = spec, optimizer, num_epochs
        self._peaks: list[float] = [group["lr"] for group in optimizer.param_groups]

    def set(self, epoch: float, lr_scale: float = 1.0) -> None:
        """Before each step.  epoch: the time since the start of training, with the fraction of the epoch done."""
        frac = lr_scale * self._spec.lr_frac(epoch, self._num_epochs)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * frac

    def after_eval(self, metrics: dict[str, float]) -> None:
        """For schedules that look at the results."""

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
