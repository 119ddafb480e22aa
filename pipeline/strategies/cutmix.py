"""CutMix: paste a box of one image into another, and share the target by area."""

from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.mixing import draw_box, paste_box
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="CutMix",
    family="mixing",
    idea="Paste a random box of a random partner into each image, and share the target by the area each one has.",
    formula="box: sides sqrt(1 - w) of the image's, w ~ Beta(alpha, alpha);  y = a y_i + (1 - a) y_j, a: area that is "
    "left of image i",
    paper=Paper(
        title="CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
        year=2019,
        arxiv="1905.04899",
    ),
    helps_when="Objects are large and recognisable by parts, the network can memorise, and the schedule is long.",
    pitfalls=(
        "One box for all images of a shard, as in the authors' code; it is cut off at the borders, so that the mean "
        "share of the partner is smaller than 1 - w.",
        "Small objects may lie outside the part whose label they give.",
        "The training loss is not comparable with the baseline's; short schedules may underfit.",
    ),
    clashes={"mixup": "a batch would be mixed twice; `mixup_or_cutmix` takes turns"},
    defaults_from="alpha 1, prob 1: the paper's ImageNet setting (its CIFAR experiments use prob 0.5).",
)


class Cutmix(Strategy["CutmixConfig"]):
    """Draws, per shard, whether to mix, one box and one pairing."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        if rng.host.random() >= self.config.prob:
            return batch
        height, width = batch.images.shape[-2:]
        box = draw_box(rng.host, self.config.alpha, height, width)
        return paste_box(batch, box, rng.permutation(len(batch.images), batch.images.device))


class CutmixConfig(StrategyConfig):
    """Switches CutMix on."""

    kind: Literal["cutmix"] = "cutmix"
    alpha: float = Field(1.0, gt=0, le=4, description="the box takes 1 - Beta(alpha, alpha) of the image")
    prob: float = Field(1.0, gt=0, le=1, description="share of the shards that are mixed")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Cutmix

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw. Alpha towards 0 is no such limit: half of the boxes then want the whole image."""
        return cls(prob=1e-18)
