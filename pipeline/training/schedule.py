"""Learning-rate schedules by spec, from timm, advanced once per optimizer step."""

from timm.scheduler import CosineLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch.optim import Optimizer

from pipeline.spec.optim import AnySchedule, Constant, Cosine


class ConstantScheduler(Scheduler):
    """The peak rate after a linear warm-up (timm has none that is only this)."""

    def __init__(self, optimizer: Optimizer, warmup_t: int, warmup_lr_init: float) -> None:
        super().__init__(optimizer, param_group_field="lr", t_in_epochs=False)
        self._warmup_t, self._warmup_lr_init = warmup_t, warmup_lr_init
        if warmup_t:
            self.update_groups(warmup_lr_init)

    def _get_lr(self, t: int) -> list[float]:
        if t >= self._warmup_t:
            return list(self.base_values)
        start = self._warmup_lr_init
        return [start + (peak - start) * t / self._warmup_t for peak in self.base_values]


def build_scheduler(spec: AnySchedule, optimizer: Optimizer, steps_per_epoch: int, num_epochs: int) -> Scheduler:
    """Call `step_update(n)` before the n-th optimizer step, n from 0."""
    warmup = round(spec.warmup_epochs * steps_per_epoch)
    peak = optimizer.param_groups[0]["lr"]
    start = spec.warmup_start_frac * peak
    match spec:
        case Constant():
            return ConstantScheduler(optimizer, warmup, start)
        case Cosine():
            return CosineLRScheduler(
                optimizer,
                t_initial=max(1, steps_per_epoch * num_epochs - warmup),
                lr_min=spec.final_frac * peak,
                warmup_t=warmup,
                warmup_lr_init=start,
                warmup_prefix=True,
                t_in_epochs=False,
            )
