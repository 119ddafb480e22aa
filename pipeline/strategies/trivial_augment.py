"""TrivialAugment (Wide): one random operation of random magnitude."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pipeline.data.auto_ops import ENHANCING, GEOMETRIC, AutoOp, Space, apply_ops, drawn, softened
from pipeline.data.ops import Colour, Interpolation, colour_of
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

ONLY_ONE = "both are a full policy over the same operations; together they distort twice"
CARD = Card(
    title="TrivialAugment",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Apply one of fourteen operations at a magnitude drawn evenly from a wide range: nothing to tune.",
    formula="op ~ U(14 operations), m ~ U(0 .. 30)",
    paper=Paper(
        title="TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", year=2021, arxiv="2103.10158"
    ),
    helps_when="You want a strong policy without tuning, and the schedule is not very short.",
    pitfalls=(
        "Translations go up to 32 pixels whatever the size: on images of 32 pixels the object may leave the picture.",
        "Solarize turns white into black, Posterize bands: both hurt where colour is the class.",
    ),
    clashes={kind: ONLY_ONE for kind in ("auto_augment", "rand_augment", "aug_mix")},
    defaults_from="The paper's Wide space as torchvision has it; fill: the data's mean.",
)
NUM_LEVELS = 31
SPACE = Space(
    names=("Identity", *GEOMETRIC, *ENHANCING, "Posterize", "Solarize", "AutoContrast", "Equalize"),
    shear=0.99,
    translate_frac=0.0,
    translate_px=32.0,
    rotate_deg=135.0,
    enhance=0.99,
    most_bits=8,
    fewest_bits=2,
)


def draw_op(image: np.ndarray, rng: np.random.Generator) -> AutoOp:
    """The operation of one image."""
    name = SPACE.names[rng.integers(len(SPACE.names))]
    # torchvision draws a level only where there is one; so do we, and stay comparable draw by draw.
    level = 0 if name in ("Identity", "AutoContrast", "Equalize") else int(rng.integers(NUM_LEVELS))
    return drawn(SPACE, name, level, NUM_LEVELS, image, rng)


@dataclass(frozen=True, slots=True)
class ApplyOneOp:
    """Draws an operation for each image."""

    interpolation: Interpolation
    fill: Colour
    name: str = "trivial_augment"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        ops = softened([draw_op(image, rng)], strength, rng)
        return apply_ops(image, ops, self.interpolation, self.fill)


class TrivialAugment(Strategy["TrivialAugmentConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (ApplyOneOp(self.config.interpolation, colour_of(self.context.mean_rgb)),)


class TrivialAugmentConfig(StrategyConfig):
    """Switches TrivialAugment on."""

    kind: Literal["trivial_augment"] = "trivial_augment"
    interpolation: Interpolation = "nearest"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = TrivialAugment
