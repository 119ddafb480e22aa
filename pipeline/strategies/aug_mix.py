"""AugMix: a blend of the image with several short chains of operations on it."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from pipeline.data.auto_ops import ENHANCING, GEOMETRIC, AutoOp, Space, apply_op, drawn
from pipeline.data.ops import Colour, Interpolation, colour_of, to_array, to_tensor
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

ONLY_ONE = "both are a full policy over the same operations; together they distort twice"
CARD = Card(
    title="AugMix",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Blend each image with randomly weighted chains of one to three operations, against corrupted images.",
    formula="x' = m x + (1 - m) sum_i w_i chain_i(x),  m ~ Beta(alpha, alpha),  w ~ Dirichlet(alpha)",
    paper=Paper(
        title="AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty",
        year=2019,
        arxiv="1912.02781",
    ),
    helps_when="Images in use are noisier or more blurred than in training; calibration matters.",
    pitfalls=(
        "Only the images are mixed: the paper's consistency loss over three views of an image is not part of it.",
        "The slowest of the policies: six operations an image on average.",
    ),
    clashes={kind: ONLY_ONE for kind in ("auto_augment", "rand_augment", "trivial_augment")},
    defaults_from="severity 3, width 3, depth 1 to 3, alpha 1: the paper. Operations: torchvision's default, all.",
)
NUM_LEVELS = 10
PAPER_NAMES = (*GEOMETRIC, "Posterize", "Solarize", "AutoContrast", "Equalize")
SPACE = Space(
    names=(*PAPER_NAMES, *ENHANCING),
    shear=0.3,
    translate_frac=1 / 3,
    translate_px=None,
    rotate_deg=30.0,
    enhance=0.9,
    most_bits=4,
    fewest_bits=0,
)

Operations = Literal["all", "paper"]


@dataclass(frozen=True, slots=True)
class Blend:
    """What was drawn for one image. The weights sum to 1."""

    image_weight: float
    chain_weights: tuple[float, ...]
    chains: tuple[tuple[AutoOp, ...], ...]


def draw_blend(config: "AugMixConfig", image: np.ndarray, strength: float, rng: np.random.Generator) -> Blend:
    """strength: scales the weight of the chains."""
    names = SPACE.names if config.operations == "all" else PAPER_NAMES
    of_image, of_chains = rng.dirichlet([config.alpha] * 2).astype(np.float32)
    weights = rng.dirichlet([config.alpha] * config.width).astype(np.float32) * of_chains
    chains = tuple(
        tuple(_draw_op(names, config.severity, image, rng) for _ in range(config.depth or rng.integers(1, 4)))
        for _ in range(config.width)
    )
    return Blend(
        float(of_image + (1 - strength) * of_chains), tuple(float(w) for w in np.float32(strength) * weights), chains
    )


def _draw_op(names: tuple[str, ...], severity: int, image: np.ndarray, rng: np.random.Generator) -> AutoOp:
    name = names[rng.integers(len(names))]
    # torchvision draws a level only where there is one; so do we, and stay comparable draw by draw.
    level = 0 if name in ("AutoContrast", "Equalize") else int(rng.integers(severity))
    return drawn(SPACE, name, level, NUM_LEVELS, image, rng)


def blended(image: np.ndarray, blend: Blend, interpolation: Interpolation, fill: Colour) -> np.ndarray:
    """image: [H, W, 3] uint8."""
    pixels = to_tensor(image)
    mixed = blend.image_weight * pixels.to(torch.float32)
    for weight, chain in zip(blend.chain_weights, blend.chains, strict=True):
        end = pixels
        for op in chain:
            end = apply_op(end, op, interpolation, fill)
        mixed += weight * end.to(torch.float32)
    return to_array(mixed.to(torch.uint8))


@dataclass(frozen=True, slots=True)
class MixChains:
    """Draws weights and chains for each image."""

    config: "AugMixConfig"
    fill: Colour
    name: str = "aug_mix"

    def __call__(self, image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:  # noqa: D102
        if not strength:
            return image
        return blended(image, draw_blend(self.config, image, strength, rng), self.config.interpolation, self.fill)


class AugMix(Strategy["AugMixConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        return (MixChains(self.config, colour_of(self.context.mean_rgb)),)


class AugMixConfig(StrategyConfig):
    """Switches AugMix on."""

    kind: Literal["aug_mix"] = "aug_mix"
    severity: int = Field(3, ge=1, le=NUM_LEVELS, description="magnitudes are drawn from the lowest `severity` of 10")
    width: int = Field(3, ge=1, le=8, description="chains")
    depth: int | None = Field(None, ge=1, le=8, description="operations in a chain; default: 1 to 3, by chance")
    alpha: float = Field(1.0, gt=0, description="of both distributions of weights")
    operations: Operations = Field(
        "all", description="paper: without brightness, colour, contrast and sharpness, which ImageNet-C tests"
    )
    interpolation: Interpolation = "bilinear"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = AugMix
