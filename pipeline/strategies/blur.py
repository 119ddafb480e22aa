"""Blur: soften some images with a Gaussian of random width."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.ops import blurred
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

LEAST_SHARE = 0.05  # of the widest blur: SimCLR's sigma runs from 0.1 to 2.0 pixels
CARD = Card(
    title="Gaussian blur",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Blur some images, so that the finest detail cannot be relied on.",
    formula="sigma ~ U(0.05, 1) * max_sigma_frac * side, with probability `prob`",
    paper=Paper(
        title="A Simple Framework for Contrastive Learning of Visual Representations", year=2020, arxiv="2002.05709"
    ),
    helps_when="Images in use are out of focus or enlarged.",
    pitfalls=(
        "Below about 64 px the default hardly blurs: its width is a share of the side, there less than half a pixel.",
        "Fine detail that tells classes apart is lost.",
    ),
    defaults_from="prob 0.5, at most 2 pixels at 224 (0.009 of the side): the paper.",
)


@dataclass(frozen=True, slots=True)
class Blurring:
    """Draws a coin and a width for each image."""

    prob: float
    max_sigma_frac: float
    name: str = "blur"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        coin, share = rng.random(), rng.uniform(LEAST_SHARE, 1.0)
        sigma_px = share * self.max_sigma_frac * min(image.shape[:2]) * strength
        return blurred(image, sigma_px) if coin < self.prob and sigma_px else image


class Blur(Strategy["BlurConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (Blurring(self.config.prob, self.config.max_sigma_frac),)


class BlurConfig(StrategyConfig):
    """Switches blur on."""

    kind: Literal["blur"] = "blur"
    prob: float = Field(0.5, gt=0, le=1)
    max_sigma_frac: float = Field(
        0.009, gt=0, le=0.1, description="widest blur's sigma, as a share of the image's side"
    )
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Blur

    @classmethod
    def example(cls) -> Self:
        """Wide enough for the digits' 16 pixels to show it."""
        return cls(max_sigma_frac=0.05)

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(prob=1e-18)
