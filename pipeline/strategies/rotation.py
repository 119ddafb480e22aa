"""Rotation: turn each image by a random angle."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.data.ops import Colour, colour_of, rotated
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Rotation",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Turn each image around its centre by an angle drawn evenly, and fill the corners with the data's mean.",
    formula="angle ~ U(-max_deg, max_deg), bilinear",
    paper=Paper(
        title="A survey on Image Data Augmentation for Deep Learning",
        year=2019,
        url="https://doi.org/10.1186/s40537-019-0197-0",
    ),
    helps_when="Objects are photographed at any angle, or nearly level and by hand.",
    pitfalls=(
        "The filled corners tell the angle, and large angles turn a 6 into a 9.",
        "Every image is interpolated once more, which blurs it a little.",
    ),
    defaults_from="max_deg 15: within the 1 to 20 degrees that the survey calls useful on digits.",
)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Draws an angle for each image."""

    max_deg: float
    fill: Colour
    name: str = "rotation"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        angle_deg = rng.uniform(-self.max_deg, self.max_deg) * strength
        return rotated(image, angle_deg, "bilinear", self.fill) if angle_deg else image


class Rotation(Strategy["RotationConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (Rotate(self.config.max_deg, colour_of(self.context.mean_rgb)),)


class RotationConfig(StrategyConfig):
    """Switches rotation on."""

    kind: Literal["rotation"] = "rotation"
    max_deg: float = Field(15.0, gt=0, le=180, description="largest angle to either side, degrees")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Rotation

    @classmethod
    def neutral(cls) -> Self:
        """Less than a pixel's rounding can see."""
        return cls(max_deg=1e-9)
