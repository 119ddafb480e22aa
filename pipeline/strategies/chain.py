"""Folds the hooks over a stage's strategies: the only place that loops over them."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.strategies.base import LossFn, Rng, StageContext, Strategy, StrategyConfig
from pipeline.types import Batch


class Chain:
    """The strategies of one stage, in catalogue order."""

    def __init__(self, configs: Sequence[StrategyConfig], context: StageContext) -> None:
        self._strategies: list[Strategy] = []
        self._context = context
        self.seed = context.seed
        for config in configs:  # one after the other: those that follow a renamed root draw from it, too
            strategy = config.runtime(config, replace(context, seed=self.seed))
            self.seed = strategy.stream_seed(self.seed)
            self._strategies.append(strategy)

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:
        """Training samples after every strategy."""
        for strategy in self._strategies:
            index = strategy.edit_dataset(index)
        return index

    def plan_epochs(self, image_size_px: int) -> list[EpochPlan]:
        """The plan of every epoch."""
        num_epochs = self._context.num_epochs
        plans = []
        for epoch in range(num_epochs):
            plan = EpochPlan(epoch, image_size_px)
            for strategy in self._strategies:
                plan = strategy.plan_epoch(plan, epoch / num_epochs)
            plans.append(plan)
        return plans

    def edit_batch(self, batch: Batch, step: int, shard: int) -> Batch:
        """One shard after every strategy, each with its own random stream."""
        for strategy in self._strategies:
            batch = strategy.edit_batch(batch, Rng.named(self.seed, strategy.config.kind, step, shard))
        return batch

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        """The loss after every strategy; the last in the catalogue is outermost."""
        for strategy in self._strategies:
            loss_fn = strategy.wrap_loss(loss_fn)
        return loss_fn
