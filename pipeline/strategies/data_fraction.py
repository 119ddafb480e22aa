"""Data fraction: train on a share of the samples, of every class alike."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.draws import uniforms
from pipeline.data.index import TrainIndex
from pipeline.spec.base import derive_seed
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Data fraction",
    family="sampling",
    tasks=ANY_TASK,
    idea="Keep a share of the training samples of each class, and leave the other splits as they are.",
    formula="the round(frac n_c) samples of class c with the smallest draws; a smaller share lies inside a larger one",
    paper=Paper(title="Deep Learning Scaling is Predictable, Empirically", year=2017, arxiv="1712.00409"),
    helps_when="You ask how much more data would bring, or want a quick first look.",
    pitfalls=(
        "At equal epochs a smaller set also means fewer steps; raise budget.epochs to compare at equal steps.",
        "Each seed keeps other samples, so its interval includes the luck of the choice.",
    ),
    defaults_from="frac 0.5: what doubling the data brought.",
)


def keep_fraction(index: TrainIndex, frac: float, seed: int) -> TrainIndex:
    """Per class, the samples with the smallest draws by their own key: at least one, in their old order."""
    draws = uniforms(derive_seed(seed, "data_fraction"), index.keys, 1)[:, 0]
    counts = np.bincount(index.labels, minlength=index.num_classes)
    by_class = np.lexsort((draws, index.labels))
    rank = np.empty(len(draws), dtype=np.int64)
    rank[by_class] = np.arange(len(draws)) - np.repeat(np.cumsum(counts) - counts, counts)
    keep = rank < np.maximum(1, np.round(frac * counts))[index.labels]
    return replace(index, rows=index.rows[keep], keys=index.keys[keep], labels=index.labels[keep])


class DataFraction(Strategy["DataFractionConfig"]):
    """Draws per sample."""

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:  # noqa: D102 - the hook's own docstring
        return keep_fraction(index, self.config.frac, self.context.seed)


class DataFractionConfig(StrategyConfig):
    """Switches the smaller training set on."""

    kind: Literal["data_fraction"] = "data_fraction"
    frac: float = Field(0.5, gt=0, lt=1, description="share of the training samples of each class to keep")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = DataFraction

    @classmethod
    def neutral(cls) -> Self:
        """All samples, after rounding."""
        return cls(frac=1 - 1e-9)
