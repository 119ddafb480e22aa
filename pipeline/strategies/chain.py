"""Folds the hooks over a stage's strategies: the only place that loops over them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.transforms import RowTransform
from pipeline.models.helpers import HELPERS
from pipeline.spec.base import derive_seed
from pipeline.strategies.base import (
    Calibrated,
    Decision,
    LossFn,
    ParamOptions,
    Rng,
    StageContext,
    Strategy,
    StrategyConfig,
)
from pipeline.types import Batch, LossTerms


def overrides(runtime: type[Strategy[Any]], hook: str) -> bool:
    """Whether this strategy uses the hook."""
    return getattr(runtime, hook) is not getattr(Strategy, hook)


class Chain:
    """The strategies of one stage, in catalogue order."""

    def __init__(self, configs: Sequence[StrategyConfig], context: StageContext) -> None:
        self._by_key: dict[str, Strategy] = {}
        self._context = context
        self.seed = context.seed
        for config in configs:  # one after the other: those that follow a renamed root draw from it, too
            strategy = config.trick.runtime(config.trick, replace(context, seed=self.seed))
            self.seed = strategy.stream_seed(self.seed)
            self._by_key[config.key] = strategy
        self._strategies = tuple(self._by_key.values())

    def uses(self, hook: str) -> bool:
        """Whether any strategy overrides the hook: what it needs is prepared only then."""
        return any(overrides(type(strategy), hook) for strategy in self._strategies)

    def _owner(self, hook: str) -> Strategy[Any] | None:
        """The one strategy that overrides an exclusive hook."""
        return next((s for s in self._strategies if overrides(type(s), hook)), None)

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:
        """Training samples after every strategy."""
        for strategy in self._strategies:
            index = strategy.edit_dataset(index)
        return index

    def plan_epochs(self, image_size_px: int, batch_size: int, num_views: int = 1) -> list[EpochPlan]:
        """The plan of every epoch."""
        num_epochs = self._context.num_epochs
        plans = []
        for epoch in range(num_epochs):
            plan = EpochPlan(epoch, image_size_px, batch_size, num_views=num_views)
            for strategy in self._strategies:
                plan = strategy.plan_epoch(plan, epoch / num_epochs)
            plans.append(plan)
        return plans

    def row_transforms(self) -> tuple[RowTransform, ...]:
        """What every training image goes through after its crop."""
        return tuple(transform for strategy in self._strategies for transform in strategy.row_transforms())

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:
        """How the optimizer treats each parameter."""
        for strategy in self._strategies:
            options = strategy.edit_params(options, model)
        return options

    def wrap_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer inside all wrappers."""
        for strategy in self._strategies:
            optimizer = strategy.wrap_optimizer(optimizer)
        return optimizer

    def add_helpers(self, model: nn.Module) -> None:
        """Make what learns beside the network a part of it, each with its own random stream for new weights."""
        found: dict[str, nn.Module] = {}
        for key, strategy in self._by_key.items():
            torch.manual_seed(derive_seed(self.seed, "init", "helper", key))
            if (helper := strategy.helper(model)) is not None:
                found[re.sub(r"\W", "_", key)] = helper
        if found:
            device = next(model.parameters()).device
            model.add_module(HELPERS, nn.ModuleDict(found).to(device))

    def trainable(self, model: nn.Module, epoch: int) -> frozenset[str] | None:
        """Names of the parameters that learn in this epoch; None: all."""
        owner = self._owner("trainable")
        return owner.trainable(model, epoch / self._context.num_epochs) if owner else None

    def edit_batch(self, batch: Batch, step: int, shard: int) -> Batch:
        """One shard after every strategy, each with its own random stream."""
        for key, strategy in self._by_key.items():
            batch = strategy.edit_batch(batch, Rng.named(self.seed, key, step, shard))
        return batch

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        """The loss after every strategy; the last in the catalogue is outermost."""
        for strategy in self._strategies:
            loss_fn = strategy.wrap_loss(loss_fn)
        return loss_fn

    def compute_gradients(self, backward: Callable[[], LossTerms], model: nn.Module) -> LossTerms:
        """Gradients of the step, by whoever owns this."""
        owner = self._owner("compute_gradients")
        return owner.compute_gradients(backward, model) if owner else backward()

    def before_step(self, model: nn.Module) -> None:
        """Gradients are complete."""
        for strategy in self._strategies:
            strategy.before_step(model)

    def after_step(self, model: nn.Module, step: int) -> None:
        """Weights are updated."""
        for strategy in self._strategies:
            strategy.after_step(model, step)

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """An epoch is trained."""
        for strategy in self._strategies:
            strategy.after_epoch(model, epoch)

    def readings(self) -> dict[str, float]:
        """What the strategies read off this epoch, each name under its strategy's key."""
        return {f"{key}_{name}": v for key, one in self._by_key.items() for name, v in one.readings().items()}

    def eval_model(self, model: nn.Module) -> nn.Module:
        """The network to evaluate and keep."""
        owner = self._owner("eval_model")
        return owner.eval_model(model) if owner else model

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """Logits of the network, by whoever owns this."""
        owner = self._owner("predict")
        return owner.predict(model, images) if owner else model(images)

    def after_eval(self, metrics: dict[str, float]) -> Decision:
        """Stop when any strategy says so; all of them are asked."""
        decisions = [strategy.after_eval(metrics) for strategy in self._strategies]
        return Decision.STOP if Decision.STOP in decisions else Decision.GO_ON

    def finish(self, model: nn.Module, batches: Iterator[Batch]) -> nn.Module:
        """The final network."""
        for strategy in self._strategies:
            model = strategy.finish(model, batches)
        return model

    def calibrate(self, model: nn.Module, logits: Tensor, labels: Tensor) -> Calibrated:
        """The final network with calibrated logits."""
        calibrated = Calibrated(model, logits, {})
        for strategy in self._strategies:
            own = strategy.calibrate(calibrated.model, calibrated.logits, labels)
            if own is not None:
                calibrated = replace(own, notes={**calibrated.notes, **own.notes})
        return calibrated

    def remarks(self) -> list[str]:
        """What the strategies have to say about this run, each under its key."""
        return [f"{key}: {text}" for key, strategy in self._by_key.items() for text in strategy.remarks()]

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """What the strategies remember, by key."""
        return {key: state for key, strategy in self._by_key.items() if (state := strategy.state_dict())}

    def load_state_dict(self, states: dict[str, dict[str, Any]]) -> None:
        """Every strategy goes on from there."""
        for key, strategy in self._by_key.items():
            if key in states:
                strategy.load_state_dict(states[key])
