"""Colour jitter: vary brightness, contrast, saturation and hue of each image."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.data.ops import functional, to_array, to_tensor
from pipeline.data.transforms import RowTransform
from pipeline.spec.base import ADDED_LATER
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Colour jitter",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Scale each image's brightness, contrast and saturation by random factors and shift its hue, in random order.",
    formula="factor ~ U(max(0, 1 - a), 1 + a) for each amount a; hue shift ~ U(-hue, hue) of the colour circle",
    paper=Paper(
        title="Some Improvements on Deep Convolutional Neural Network Based Image Classification",
        year=2013,
        arxiv="1312.5402",
    ),
    helps_when="Light and cameras differ between training and use.",
    pitfalls=(
        "Where colour is the class (ripe or unripe, healthy or not), it destroys the signal; hue most of all.",
        "Hue takes three times as long as the rest together.",
    ),
    defaults_from="0.4, no hue: timm's color_jitter.",
)
AMOUNTS = ("brightness", "contrast", "saturation", "hue")


@dataclass(frozen=True, slots=True)
class Jitter:
    """What was drawn for one image."""

    order: tuple[int, ...]  # of AMOUNTS
    factors: tuple[float, ...]  # by AMOUNTS: brightness, contrast, saturation; the shift of hue


def draw_jitter(amounts: tuple[float, ...], rng: np.random.Generator) -> Jitter:
    """amounts: by AMOUNTS."""
    order = rng.permutation(len(AMOUNTS))
    factors = [rng.uniform(max(0.0, 1.0 - amount), 1.0 + amount) for amount in amounts[:3]]
    return Jitter(tuple(order.tolist()), (*factors, rng.uniform(-amounts[3], amounts[3])))


def jittered(image: np.ndarray, jitter: Jitter, active: tuple[bool, ...]) -> np.ndarray:
    """As torchvision does it.  image: [H, W, 3] uint8; active: by AMOUNTS, the others are left out."""
    f = functional()
    adjust = (f.adjust_brightness, f.adjust_contrast, f.adjust_saturation, f.adjust_hue)
    pixels = to_tensor(image)
    for i in jitter.order:
        if active[i]:
            pixels = adjust[i](pixels, jitter.factors[i])
    return to_array(pixels)


@dataclass(frozen=True, slots=True)
class JitterColours:
    """Draws an order and four numbers for each image."""

    amounts: tuple[float, ...]  # by AMOUNTS
    prob: float = 1.0
    name: str = "color_jitter"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        amounts = tuple(amount * strength for amount in self.amounts)
        jitter, coin = draw_jitter(amounts, rng), rng.random()
        if not any(amounts) or coin >= self.prob:
            return image
        return jittered(image, jitter, tuple(amount > 0 for amount in amounts))


class ColorJitter(Strategy["ColorJitterConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        c = self.config
        return (JitterColours((c.brightness, c.contrast, c.saturation, c.hue), c.prob),)


class ColorJitterConfig(StrategyConfig):
    """Switches colour jitter on."""

    kind: Literal["color_jitter"] = "color_jitter"
    brightness: float = Field(0.4, ge=0, le=1, description="largest distance of the factor from 1; 0: leave it out")
    contrast: float = Field(0.4, ge=0, le=1, description="the same")
    saturation: float = Field(0.4, ge=0, le=1, description="the same")
    hue: float = Field(0.0, ge=0, le=0.5, description="largest shift, as a share of the colour circle; 0: leave it out")
    prob: Annotated[float, ADDED_LATER] = Field(1.0, gt=0, le=1, description="share of the images that are changed")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ColorJitter

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.brightness or self.contrast or self.saturation or self.hue):
            raise ValueError(
                "all amounts are 0: raise one of brightness, contrast, saturation and hue, or drop the kind"
            )
        return self

    @classmethod
    def neutral(cls) -> Self:
        """Factors that are 1 in float32."""
        return cls(brightness=1e-12, contrast=1e-12, saturation=1e-12)
