"""Test-time augmentation: evaluate several views of each image and average what the network says."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

Average = Literal["logits", "probabilities"]

CARD = Card(
    title="Test-time augmentation",
    family="inference",
    idea="Show the network several views of each image to be classified, and average its answers.",
    formula="z = mean_v z_v, or z = log mean_v softmax(z_v), over the views v",
    paper=Paper(
        title="ImageNet Classification with Deep Convolutional Neural Networks",
        year=2012,
        url="https://doi.org/10.1145/3065386",
    ),
    helps_when="Answers may cost more than one forward pass each.",
    pitfalls=(
        "An answer costs the product of all views in forward passes: flip 2, five_crops 5, scales one for each factor. "
        "Training steps cost the same as before, every evaluation that much more (eval_s in the records).",
        "Training is bare's; the weights are the same. Whoever uses them elsewhere must average, too.",
        "A mirrored view is no help where left and right mean something.",
        "Views at other scales, or crops of a smaller share, are what the network rarely saw: they may hurt.",
    ),
    defaults_from="two views, mirrored and not: the paper also takes five crops; logits are averaged so that one "
    "temperature still calibrates (the paper averages probabilities).",
)


class Flip(Frozen):
    """The image and its mirror image."""

    kind: Literal["flip"] = "flip"

    def views(self, images: Tensor) -> list[Tensor]:
        """[N, C, H, W] -> 2 of the same."""
        return [images, images.flip(-1)]


class FiveCrops(Frozen):
    """The four corners and the centre of the evaluation image, each enlarged to its size."""

    kind: Literal["five_crops"] = "five_crops"
    side_frac: float = Field(0.875, gt=0, le=1, description="side of a crop over the image's")  # timm's crop_pct

    def views(self, images: Tensor) -> list[Tensor]:
        """[N, C, H, W] -> 5 of the same."""
        height, width = images.shape[-2:]
        h, w = max(1, round(height * self.side_frac)), max(1, round(width * self.side_frac))
        bottom, right = height - h, width - w
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (round(bottom / 2), round(right / 2))]
        return [resized(images[:, :, top : top + h, left : left + w], height, width) for top, left in corners]


class Scales(Frozen):
    """The whole image at several sizes; not for networks that take one size only."""

    kind: Literal["scales"] = "scales"
    factors: tuple[Annotated[float, Field(ge=0.25, le=4)], ...] = Field(
        (0.875, 1.0, 1.125), min_length=1, description="sizes over the evaluation image's"
    )

    def views(self, images: Tensor) -> list[Tensor]:
        """[N, C, H, W] -> one [N, C, H', W'] for each factor."""
        height, width = images.shape[-2:]
        return [resized(images, round(height * factor), round(width * factor)) for factor in self.factors]


View = Annotated[Flip | FiveCrops | Scales, Field(discriminator="kind")]


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Bilinear, antialiased; the images themselves where the size is theirs."""
    if images.shape[-2:] == (height, width):
        return images
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def all_views(images: Tensor, views: Sequence[View]) -> list[Tensor]:
    """Every combination: the last kind of view is applied to all views so far."""
    made = [images]
    for view in views:
        made = [one for before in made for one in view.views(before)]
    return made


def mean_logits(logits: Sequence[Tensor], average: Average) -> Tensor:
    """[N, K] float32 from one [N, K] for each view; the softmax of the result is what is meant."""
    stacked = torch.stack([one.float() for one in logits])
    if average == "logits":
        return stacked.mean(dim=0)
    return stacked.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))


class Tta(Strategy["TtaConfig"]):
    """One forward pass for each view: memory stays that of one."""

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:  # noqa: D102 - the hook's own docstring
        views = all_views(images, self.config.views)
        return mean_logits([model(view) for view in views], self.config.average)


class TtaConfig(StrategyConfig):
    """Switches test-time augmentation on."""

    kind: Literal["tta"] = "tta"
    views: tuple[View, ...] = Field((Flip(),), min_length=1, description="combined: flip and five_crops make ten views")
    average: Average = "logits"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Tta

    @classmethod
    def neutral(cls) -> Self:
        """One view: the image itself."""
        return cls(views=(Scales(factors=(1.0,)),))

    def sizes_px(self, eval_size_px: int) -> tuple[int, ...]:
        """Sizes at which the network must answer, for square evaluation images of this size."""
        sizes = [eval_size_px]
        for view in self.views:
            if isinstance(view, Scales):
                sizes = [round(size * factor) for size in sizes for factor in view.factors]
        return tuple(sorted(set(sizes)))

    def fault(self, training: TrainingFields) -> str | None:
        """One temperature for the network must be one for the average."""
        kinds = [strategy.kind for strategy in training.strategies]
        if self.average == "probabilities" and "temperature_scaling" in kinds:
            return (
                "average: probabilities cannot be calibrated by temperature_scaling, whose temperature is part of the "
                "network and so of each view; set average: logits"
            )
        return None
