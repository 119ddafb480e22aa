"""Stochastic weight averaging: keep the mean of the last epochs' weights."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.data.index import EpochPlan
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Stochastic weight averaging",
    family="averaging",
    idea="Average the weights at the ends of the last epochs, then measure batch statistics anew for the average.",
    formula="w = mean of w_e over epochs e >= start_frac E",
    paper=Paper(
        title="Averaging Weights Leads to Wider Optima and Better Generalization", year=2018, arxiv="1803.05407"
    ),
    helps_when="The rate stays high in the last epochs, so that they end at different points of a wide valley.",
    pitfalls=(
        "After a schedule that decays to zero the last epochs end at nearly the same weights: use a constant schedule, "
        "or one with a final rate well above zero.",
        "Curves show the network that learns; only the final validation is the average's.",
        "It costs one more pass over the training images, without gradients.",
    ),
    clashes={"early_stopping": "the epochs that it averages are those that early stopping leaves out"},
    defaults_from="start_frac 0.75: the paper's share of conventional training; lr_scale 1: the schedule as it is.",
)


@torch.no_grad()
def add_to_mean(mean: list[Tensor], values: list[Tensor], count: int) -> None:
    """Include one more set of tensors in their mean over `count` sets.  Edits `mean`."""
    torch._foreach_lerp_(mean, values, 1.0 / (count + 1))


@torch.no_grad()
def measure_statistics(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every batch norm's statistics to their mean over the batches; nothing else of the network changes.

    As torch.optim.swa_utils.update_bn, but dropout stays off, as it will be when the statistics are used, and layers
    whose parameters are frozen keep what they have.

    Args:
        model: edited.
        batches: images [N, C, H, W].
    """
    model.eval()
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and _learns(m)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None  # torch: the plain mean over all batches
    for images in batches:
        model(images)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()


def _learns(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    return not own or any(p.requires_grad for p in own)


class Swa(Strategy["SwaConfig"]):
    """Remembers the mean and how many epochs are in it."""

    _mean: list[Tensor] | None = None
    _count = 0

    @property
    def _first_epoch(self) -> int:
        """The last epoch is always in."""
        num_epochs = self.context.num_epochs
        return min(int(self.config.start_frac * num_epochs), num_epochs - 1)

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        if plan.epoch < self._first_epoch:
            return plan
        return replace(plan, lr_scale=plan.lr_scale * self.config.lr_scale)

    def after_epoch(self, model: nn.Module, epoch: int) -> None:  # noqa: D102 - the hook's own docstring
        if epoch < self._first_epoch:
            return
        weights = [p.detach() for p in model.parameters()]
        if self._mean is None:
            self._mean = [torch.zeros_like(w) for w in weights]
        add_to_mean(self._mean, weights, self._count)
        self._count += 1

    def finish(self, model: nn.Module, batches: Iterator[Batch]) -> nn.Module:  # noqa: D102 - the hook's own docstring
        if self._mean is None:  # a strategy of the user's own ended the training before there was anything to average
            return model
        averaged = deepcopy(model)
        with torch.no_grad():
            torch._foreach_copy_([p.detach() for p in averaged.parameters()], self._mean)
        measure_statistics(averaged, (batch.images for batch in batches))
        return averaged

    def state_dict(self) -> dict[str, Any]:  # noqa: D102 - the hook's own docstring
        return {} if self._mean is None else {"mean": self._mean, "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: D102 - the hook's own docstring
        self._mean, self._count = state["mean"], state["count"]


class SwaConfig(StrategyConfig):
    """Switches stochastic weight averaging on."""

    kind: Literal["swa"] = "swa"
    start_frac: float = Field(0.75, ge=0, lt=1, description="share of the epochs before the first that is averaged")
    lr_scale: float = Field(1.0, gt=0, le=100, description="times the schedule's rate in the averaged epochs")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Swa

    @classmethod
    def example(cls) -> Self:
        """Averages more than one epoch of a short training, too."""
        return cls(start_frac=0.3)
