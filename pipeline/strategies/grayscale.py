"""Grayscale: take the colour out of some images."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.ops import grey
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Random grayscale",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Show some images without their colours, so that shape and texture must do.",
    formula="x' = 0.2989 R + 0.587 G + 0.114 B in all channels, with probability `prob`",
    paper=Paper(
        title="A Simple Framework for Contrastive Learning of Visual Representations", year=2020, arxiv="2002.05709"
    ),
    helps_when="Colours vary for reasons that have nothing to do with the class.",
    pitfalls=("Where colour is the class, it makes labels wrong.",),
    defaults_from="prob 0.2: the paper.",
)


@dataclass(frozen=True, slots=True)
class TurnGrey:
    """Draws a coin for each image."""

    prob: float
    name: str = "grayscale"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        return grey(image) if rng.random() < self.prob * strength else image


class Grayscale(Strategy["GrayscaleConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (TurnGrey(self.config.prob),)


class GrayscaleConfig(StrategyConfig):
    """Switches random grayscale on."""

    kind: Literal["grayscale"] = "grayscale"
    prob: float = Field(0.2, gt=0, le=1)
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Grayscale

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(prob=1e-18)
