"""Label noise: give a share of the training samples a wrong label. A control: it must hurt."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.draws import uniforms
from pipeline.data.index import TrainIndex
from pipeline.spec.base import derive_seed
from pipeline.spec.card import Card
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Label noise",
    family="controls",
    idea="Move a share of the training labels to another class, chosen evenly. Expect: hurts.",
    formula="y' = y + 1 + floor(u (K - 1)) mod K with probability `frac`",
    helps_when="Never: if this arm does not hurt, the study could not have seen an effect of that size.",
    pitfalls=("Large networks memorise wrong labels late: short runs show less harm.",),
)


def flip_labels(index: TrainIndex, frac: float, seed: int) -> TrainIndex:
    """Each sample is flipped with probability `frac`, by its own key, always to another class."""
    draws = uniforms(derive_seed(seed, "label_noise"), index.keys, 2)
    shift = 1 + np.floor(draws[:, 1] * (index.num_classes - 1)).astype(np.int64)
    wrong = (index.labels + shift) % index.num_classes
    return replace(index, labels=np.where(draws[:, 0] < frac, wrong, index.labels))


class LabelNoise(Strategy["LabelNoiseConfig"]):
    """Draws per sample."""

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:  # noqa: D102 - the hook's own docstring
        return flip_labels(index, self.config.frac, self.context.seed)


class LabelNoiseConfig(StrategyConfig):
    """Switches label noise on."""

    kind: Literal["label_noise"] = "label_noise"
    frac: float = Field(0.2, gt=0, lt=1, description="share of the training labels that become wrong")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = LabelNoise

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(frac=1e-18)
