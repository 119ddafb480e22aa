"""AutoAugment: a policy of operation pairs that a search found on another data set."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pipeline.data.auto_ops import AutoOp, Space, apply_ops, drawn, softened
from pipeline.data.ops import Colour, Interpolation, colour_of
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

ONLY_ONE = "both are a full policy over the same operations; together they distort twice"
CARD = Card(
    title="AutoAugment",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Apply one of 25 pairs of operations, whose kinds, probabilities and magnitudes were searched on another set.",
    formula="(op1, p1, m1), (op2, p2, m2) ~ U(25 pairs); apply each with its probability",
    paper=Paper(title="AutoAugment: Learning Augmentation Policies from Data", year=2018, arxiv="1805.09501"),
    helps_when="Images resemble those of the search (photographs, or small objects as in CIFAR) and training is long.",
    pitfalls=(
        "The policy was searched for one data set: on others random policies did as well in later papers.",
        "Colours are inverted and solarized; where colour is the class, this destroys the signal.",
        "A short schedule or a small network may underfit.",
    ),
    clashes={kind: ONLY_ONE for kind in ("rand_augment", "trivial_augment", "aug_mix")},
    defaults_from="Policies and magnitudes of the paper as torchvision has them; fill: the data's mean, for its grey.",
)
NUM_LEVELS = 10
SPACE = Space(
    names=(),  # the policies name theirs
    shear=0.3,
    translate_frac=150.0 / 331.0,  # 150 pixels of the 331 of the paper's network
    translate_px=None,
    rotate_deg=30.0,
    enhance=0.9,
    most_bits=8,
    fewest_bits=4,
)

PolicyName = Literal["imagenet", "cifar10"]
Step = tuple[str, float, int]  # operation, probability, level of 0 .. 9 (0 where it has none)
POLICIES: dict[PolicyName, tuple[tuple[Step, Step], ...]] = {
    "imagenet": (
        (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
        (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
        (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
        (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
        (("Equalize", 0.4, 0), ("Rotate", 0.8, 8)),
        (("Solarize", 0.6, 3), ("Equalize", 0.6, 0)),
        (("Posterize", 0.8, 5), ("Equalize", 1.0, 0)),
        (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
        (("Equalize", 0.6, 0), ("Posterize", 0.4, 6)),
        (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
        (("Rotate", 0.4, 9), ("Equalize", 0.6, 0)),
        (("Equalize", 0.0, 0), ("Equalize", 0.8, 0)),
        (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
        (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
        (("Sharpness", 0.4, 7), ("Invert", 0.6, 0)),
        (("ShearX", 0.6, 5), ("Equalize", 1.0, 0)),
        (("Color", 0.4, 0), ("Equalize", 0.6, 0)),
        (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
        (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
    ),
    "cifar10": (
        (("Invert", 0.1, 0), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, 0), ("Equalize", 0.9, 0)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, 0), ("Equalize", 0.5, 0)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, 0), ("AutoContrast", 0.4, 0)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 2), ("Invert", 0.0, 0)),
        (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
        (("Equalize", 0.2, 0), ("Equalize", 0.6, 0)),
        (("Color", 0.9, 9), ("Equalize", 0.6, 0)),
        (("AutoContrast", 0.8, 0), ("Solarize", 0.2, 8)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 0)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, 0), ("Solarize", 0.8, 3)),
        (("Equalize", 0.8, 0), ("Invert", 0.1, 0)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 0)),
    ),
}


def draw_ops(policy: PolicyName, image: np.ndarray, rng: np.random.Generator) -> list[AutoOp]:
    """The operations of one image, 0 to 2."""
    pairs = POLICIES[policy]
    ops = []
    for name, prob, level in pairs[rng.integers(len(pairs))]:
        if rng.random() <= prob:
            ops.append(drawn(SPACE, name, level, NUM_LEVELS, image, rng))
    return ops


@dataclass(frozen=True, slots=True)
class ApplyPolicy:
    """Draws a pair of operations for each image."""

    policy: PolicyName
    interpolation: Interpolation
    fill: Colour
    name: str = "auto_augment"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        ops = softened(draw_ops(self.policy, image, rng), strength, rng)
        return apply_ops(image, ops, self.interpolation, self.fill)


class AutoAugment(Strategy["AutoAugmentConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (ApplyPolicy(self.config.policy, self.config.interpolation, colour_of(self.context.mean_rgb)),)


class AutoAugmentConfig(StrategyConfig):
    """Switches AutoAugment on."""

    kind: Literal["auto_augment"] = "auto_augment"
    policy: PolicyName = "imagenet"
    interpolation: Interpolation = "nearest"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = AutoAugment
