"""Class weights: samples of rare classes count more in the loss."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field

from pipeline.data.index import TrainIndex
from pipeline.spec.base import Frozen
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Class weights",
    family="imbalance",
    idea="Weigh each sample's loss by how rare its class is, with a mean weight of 1 over the training samples.",
    formula="w_c ~ n_c^-power, or w_c ~ (1 - beta) / (1 - beta^n_c)",
    paper=Paper(title="Class-Balanced Loss Based on Effective Number of Samples", year=2019, arxiv="1901.05555"),
    helps_when="Classes are unequal in number, and balanced accuracy or macro F1 is what counts.",
    pitfalls=(
        "It trades accuracy on common classes for rare ones: top-1 on a split with the same imbalance may fall.",
        "Large weights on few samples make steps noisy; a power of 0.5 is a milder choice.",
        "With mixed images a pair has the mixed weight of its two labels. Without mixing it is torch's "
        "cross_entropy(weight=...), divided by the number of samples rather than by the sum of their weights.",
        "On classes of equal size it changes nothing.",
    ),
    defaults_from="power 1: each class has the same total weight (scikit-learn's `balanced`); beta 0.999: among the "
    "paper's 0.9 to 0.9999.",
)


class InverseFrequency(Frozen):
    """In proportion to count^-power."""

    kind: Literal["inverse_frequency"] = "inverse_frequency"
    power: float = Field(1.0, gt=0, le=2, description="1: all classes weigh the same in total; 0.5: half way")

    def raw(self, counts: np.ndarray) -> np.ndarray:
        """Up to a constant.  counts: [K] float64, at least 1."""
        return counts**-self.power


class EffectiveNumber(Frozen):
    """In proportion to the inverse of (1 - beta^count) / (1 - beta): the more samples, the less each new one adds."""

    kind: Literal["effective_number"] = "effective_number"
    beta: float = Field(0.999, gt=0, lt=1)

    def raw(self, counts: np.ndarray) -> np.ndarray:
        """Up to a constant.  counts: [K] float64, at least 1."""
        return (1.0 - self.beta) / -np.expm1(counts * np.log(self.beta))


Rule = Annotated[InverseFrequency | EffectiveNumber, Field(discriminator="kind")]


def class_weights(labels: np.ndarray, num_classes: int, rule: Rule) -> np.ndarray:
    """[K] float64 with mean 1 over the samples; 0 for a class without any.  labels: [n] int64."""
    counts = np.bincount(labels, minlength=num_classes).astype(np.float64)
    raw = np.where(counts > 0, rule.raw(np.maximum(counts, 1.0)), 0.0)
    return raw * (counts.sum() / (raw * counts).sum())


class ClassWeights(Strategy["ClassWeightsConfig"]):
    """Counts the classes once the data set is what will be trained on."""

    _by_class: torch.Tensor | None = None  # [K] float32; None where all classes weigh alike

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:  # noqa: D102 - the hook's own docstring
        weights = class_weights(index.labels, index.num_classes, self.config.rule)
        weights = weights.astype(np.float32)
        present = weights[np.unique(index.labels)]
        self._by_class = None if np.all(present == 1.0) else torch.from_numpy(weights).to(self.context.device)
        return index

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        if self._by_class is None:
            return batch
        own = self._by_class[batch.labels]
        return replace(batch, weights=own if batch.weights is None else batch.weights * own)


class ClassWeightsConfig(StrategyConfig):
    """Switches class weights on."""

    kind: Literal["class_weights"] = "class_weights"
    rule: Rule = InverseFrequency()
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ClassWeights

    @classmethod
    def neutral(cls) -> Self:
        """All classes weigh 1."""
        return cls(rule=InverseFrequency(power=1e-30))
