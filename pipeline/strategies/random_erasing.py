"""Random erasing: paint over a random rectangle of some images."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.data.ops import Box, Colour, colour_of, erased
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Random erasing",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Paint over a rectangle of random area, aspect and place in some images, so that no single part decides.",
    formula="area ~ U(min, max) H W, log aspect ~ U(log min, log max), with probability `prob`",
    paper=Paper(title="Random Erasing Data Augmentation", year=2017, arxiv="1708.04896"),
    helps_when="Objects are partly hidden in use, or the network looks at one detail only.",
    pitfalls=(
        "A small object may vanish while its label stays.",
        "Together with cutout, much of an image is gone.",
    ),
    defaults_from="area 0.02 to 0.33, aspect 0.3 to 3.3 as torchvision, near the paper's; prob 0.25: timm's recipes.",
)
NUM_TRIES = 10  # torchvision tries as often before it leaves the image alone


def draw_box(
    height: int, width: int, area_frac: tuple[float, float], aspect: tuple[float, float], rng: np.random.Generator
) -> Box | None:
    """A rectangle smaller than the image on both sides; None when none was found.

    height, width: of the image, pixels; area_frac and aspect (height by width): smallest and largest.
    """
    for _ in range(NUM_TRIES):
        area = height * width * rng.uniform(*area_frac)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        tall, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if tall < height and wide < width:
            top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
            return Box(int(top), int(left), tall, wide)
    return None


@dataclass(frozen=True, slots=True)
class EraseBox:
    """Draws a coin and a rectangle for each image."""

    config: "RandomErasingConfig"
    mean: Colour
    name: str = "random_erasing"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        c = self.config
        if rng.random() >= c.prob or not strength:
            return image
        areas = (c.min_area_frac * strength, c.max_area_frac * strength)
        box = draw_box(*image.shape[:2], areas, (c.min_aspect, c.max_aspect), rng)
        if box is None:
            return image
        if c.fill == "mean":
            return erased(image, box, self.mean)
        return erased(image, box, rng.integers(0, 256, (box.height, box.width, 3), dtype=np.uint8))


class RandomErasing(Strategy["RandomErasingConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (EraseBox(self.config, colour_of(self.context.mean_rgb)),)


class RandomErasingConfig(StrategyConfig):
    """Switches random erasing on."""

    kind: Literal["random_erasing"] = "random_erasing"
    prob: float = Field(0.25, gt=0, le=1)
    min_area_frac: float = Field(0.02, gt=0, le=1, description="smallest area, as a share of the image")
    max_area_frac: float = Field(0.33, gt=0, le=1)
    min_aspect: float = Field(0.3, gt=0, description="height by width")
    max_aspect: float = Field(3.3, gt=0)
    fill: Literal["mean", "noise"] = Field("mean", description="the data's mean, or each value evenly from 0 to 255")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = RandomErasing

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_area_frac > self.max_area_frac or self.min_aspect > self.max_aspect:
            raise ValueError(
                f"min_area_frac <= max_area_frac and min_aspect <= max_aspect must hold, but got areas "
                f"{self.min_area_frac} to {self.max_area_frac} and aspects {self.min_aspect} to {self.max_aspect}"
            )
        return self

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(prob=1e-18)
