"""Mixup: train on convex blends of image pairs and of their targets."""

from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.mixing import blend_pairs
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Mixup",
    family="mixing",
    idea="Blend each image with a random partner, and their targets by the same weight.",
    formula="x = w x_i + (1 - w) x_j,  y = w y_i + (1 - w) y_j,  w ~ Beta(alpha, alpha)",
    paper=Paper(title="mixup: Beyond Empirical Risk Minimization", year=2018, arxiv="1710.09412"),
    helps_when="The network can memorise the training set and the schedule is long.",
    pitfalls=(
        "One weight per shard, not per pair; the training loss is not comparable with the baseline's.",
        "Short schedules and small networks may underfit.",
    ),
    defaults_from="alpha 0.2: the paper's ImageNet setting (0.1 to 0.4).",
)


class Mixup(Strategy["MixupConfig"]):
    """Draws one weight and one pairing per shard."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        draw = float(rng.host.beta(self.config.alpha, self.config.alpha))
        weight = max(draw, 1.0 - draw)  # the same pairs, named the other way round: alpha towards 0 is then no mixup
        return blend_pairs(batch, weight, rng.permutation(len(batch.images), batch.images.device))


class MixupConfig(StrategyConfig):
    """Switches mixup on."""

    kind: Literal["mixup"] = "mixup"
    alpha: float = Field(0.2, gt=0, le=4, description="Beta(alpha, alpha)")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Mixup
    version: ClassVar[int] = 2

    @classmethod
    def neutral(cls) -> Self:
        """All weight on one image of each pair."""
        return cls(alpha=1e-9)
