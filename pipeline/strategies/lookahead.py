"""Lookahead: every few steps go back part of the way."""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from timm.optim import Lookahead as TimmLookahead
from torch import nn
from torch.optim import Optimizer

from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Lookahead",
    family="optimization",
    tasks=ANY_TASK,
    idea="Let the optimizer run k steps ahead, then move slow weights a share of the way and start again from there.",
    formula="slow = slow + alpha (fast - slow), fast = slow, every k steps",
    paper=Paper(title="Lookahead Optimizer: k steps forward, 1 step back", year=2019, arxiv="1907.08610"),
    helps_when="The rate is high and the loss oscillates; it costs a copy of the weights.",
    pitfalls=(
        "It averages over k steps: weights that are averaged again (EMA, SWA) gain less.",
        "Every epoch ends with a step of the slow weights, so that they are what is evaluated; a short epoch cuts the "
        "last k steps short.",
    ),
    defaults_from="k 5 and alpha 0.5: the defaults of the authors' PyTorch code.",
)
SLOW = "lookahead_slow_buff"  # timm's name in the optimizer's state, where checkpoints find it


def start_from_the_first_weights(optimizer: Optimizer) -> None:
    """Let the slow weights of every parameter be what it is before its first step, as in the paper.

    timm takes the fast weights of step k instead, so that its first k steps are not averaged at all. They can be put
    into the optimizer's state only after the first step: torch's optimizers take a state that is not empty for theirs.
    """
    first: dict[nn.Parameter, torch.Tensor] = {}

    def remember(optimizer: Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and SLOW not in optimizer.state.get(parameter, {}):
                    first[parameter] = parameter.detach().clone()

    def keep(optimizer: Optimizer, *_: Any) -> None:
        while first:
            parameter, value = first.popitem()
            optimizer.state[parameter][SLOW] = value

    optimizer.register_step_pre_hook(remember)
    optimizer.register_step_post_hook(keep)


class Lookahead(Strategy["LookaheadConfig"]):
    """timm's, from the paper's starting point. The optimizer's own state holds the slow weights."""

    _optimizer: TimmLookahead

    def wrap_optimizer(self, optimizer: Optimizer) -> Optimizer:  # noqa: D102 - the hook's own docstring
        start_from_the_first_weights(optimizer)
        self._optimizer = TimmLookahead(optimizer, alpha=self.config.alpha, k=self.config.k)
        return self._optimizer

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """The paper's result are the slow weights: end each epoch on them, as timm's own training script does."""
        self._optimizer.sync_lookahead()


class LookaheadConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["lookahead"] = "lookahead"
    k: int = Field(5, ge=1, description="steps ahead")
    alpha: float = Field(0.5, gt=0, le=1, description="share of the way that the slow weights follow")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Lookahead
