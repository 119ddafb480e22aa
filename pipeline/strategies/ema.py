"""Exponential moving average: evaluate and keep a slowly following copy of the network."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="EMA of the weights",
    family="averaging",
    tasks=ANY_TASK,
    idea="Let a copy of the network follow the weights slowly, and evaluate and keep that copy.",
    formula="v = d v + (1 - d) w after each step, d_s = min(decay, 1 - (1 + s)^-warmup_power), s: updates before",
    paper=Paper(
        title="Mean teachers are better role models: Weight-averaged consistency targets improve semi-supervised deep "
        "learning results",
        year=2017,
        arxiv="1703.01780",
    ),
    helps_when="The learning rate stays high, so that the weights wander around a good place.",
    pitfalls=(
        "Without the warm-up a decay of 0.9998 remembers 5,000 steps: more than a short training has.",
        "Where the rate decays to zero the weights stand still at the end, and little is left to gain.",
        "Batch statistics are averaged as well, by the same rule; the copy costs the network's memory once more.",
        "Training losses are those of the network that learns, validation is the copy's.",
    ),
    clashes={"swa": "both decide which average of the weights is kept"},
    defaults_from="decay 0.9998: timm's train script; warmup_power 2/3: timm's ModelEmaV3.",
)


def decay_at(step: int, decay: float, warmup_power: float | None) -> float:
    """Share of the old average that an update keeps.  step: updates before it; the first one copies."""
    if step == 0:
        return 0.0
    return decay if warmup_power is None else min(decay, 1.0 - (1.0 + step) ** -warmup_power)


@torch.no_grad()
def follow(average: Sequence[Tensor], current: Sequence[Tensor], decay: float) -> None:
    """Move each tensor of the average towards its current value; whole numbers are copied.  Edits `average`."""
    pairs = list(zip(average, current, strict=True))
    moving = [pair for pair in pairs if pair[0].is_floating_point()]
    copied = [pair for pair in pairs if not pair[0].is_floating_point()]
    torch._foreach_lerp_([old for old, _ in moving], [new for _, new in moving], 1.0 - decay)
    if copied:
        torch._foreach_copy_([old for old, _ in copied], [new for _, new in copied])


def tensors(model: nn.Module) -> list[Tensor]:
    """Parameters and buffers: training changes them in place, so the list may be kept."""
    return [*model.parameters(), *model.buffers()]


class Ema(Strategy["EmaConfig"]):
    """Holds the average, outside DDP, in eval mode and without gradients."""

    _average: nn.Module | None = None
    _saved: dict[str, Any] | None = None

    def after_step(self, model: nn.Module, step: int) -> None:  # noqa: D102 - the hook's own docstring
        if self._average is None:
            self._average = deepcopy(model).eval().requires_grad_(False)
            if self._saved is not None:
                self._average.load_state_dict(self._saved)
            self._old, self._new = tensors(self._average), tensors(model)
        follow(self._old, self._new, decay_at(step, self.config.decay, self.config.warmup_power))

    def eval_model(self, model: nn.Module) -> nn.Module:  # noqa: D102 - the hook's own docstring
        return model if self._average is None else self._average

    def state_dict(self) -> dict[str, Any]:  # noqa: D102 - the hook's own docstring
        return {} if self._average is None else {"average": self._average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: D102 - the hook's own docstring
        self._saved = state["average"]


class EmaConfig(StrategyConfig):
    """Switches the moving average on."""

    kind: Literal["ema"] = "ema"
    decay: float = Field(0.9998, gt=0, lt=1, description="share of the old average that a step keeps")
    warmup_power: float | None = Field(
        2 / 3, gt=0, le=1, description="the decay grows as 1 - (1 + step)^-power up to `decay`; null: constant"
    )
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Ema

    @classmethod
    def neutral(cls) -> Self:
        """Every update copies."""
        return cls(decay=1e-30)
