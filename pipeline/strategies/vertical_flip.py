"""Vertical flip: turn images upside down by chance."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Vertical flip",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Turn each image upside down with some probability, so that up and down are alike to the network.",
    formula="x'[i, j] = x[H - 1 - i, j] with probability `prob`",
    paper=Paper(
        title="A survey on Image Data Augmentation for Deep Learning",
        year=2019,
        url="https://doi.org/10.1186/s40537-019-0197-0",
    ),
    helps_when="The camera looks down: satellites, microscopes, products on a table.",
    pitfalls=("Photographs have an up: half of the training images then look like none in the test.",),
    defaults_from="prob 0.5: both ways equally often.",
)


@dataclass(frozen=True, slots=True)
class FlipVertically:
    """Draws a coin for each image."""

    prob: float
    name: str = "vertical_flip"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        return image[::-1] if rng.random() < self.prob * strength else image


class VerticalFlip(Strategy["VerticalFlipConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (FlipVertically(self.config.prob),)


class VerticalFlipConfig(StrategyConfig):
    """Switches vertical flips on."""

    kind: Literal["vertical_flip"] = "vertical_flip"
    prob: float = Field(0.5, gt=0, le=1)
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = VerticalFlip

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(prob=1e-18)
