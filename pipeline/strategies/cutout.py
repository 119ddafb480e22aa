"""Cutout: a square hole somewhere in every image."""

from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.holes import CutHole
from pipeline.data.ops import colour_of
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Cutout",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Paint the data's mean over a square of fixed size around a random pixel of each image.",
    formula="hole = [y - s/2, y + s/2) x [x - s/2, x + s/2), clipped, with (y, x) ~ U(pixels), s = side_frac * side",
    paper=Paper(
        title="Improved Regularization of Convolutional Neural Networks with Cutout", year=2017, arxiv="1708.04552"
    ),
    helps_when="Small images that a network can memorise; it was made for CIFAR.",
    pitfalls=(
        "A small object may vanish while its label stays.",
        "Together with random erasing, much of an image is gone.",
    ),
    defaults_from="side_frac 0.5: the paper's 16 of 32 pixels on CIFAR-10 (8 of 32 on CIFAR-100).",
)


class Cutout(Strategy["CutoutConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (CutHole(self.config.side_frac, colour_of(self.context.mean_rgb)),)


class CutoutConfig(StrategyConfig):
    """Switches cutout on."""

    kind: Literal["cutout"] = "cutout"
    side_frac: float = Field(0.5, gt=0, le=1, description="side of the hole, as a share of the image's")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Cutout

    @classmethod
    def neutral(cls) -> Self:
        """Less than a pixel."""
        return cls(side_frac=1e-9)
