"""Mixup or CutMix: each batch is mixed in one of the two ways, by chance."""

from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.data.mixing import blend_pairs, draw_box, paste_box
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Mixup or CutMix",
    family="mixing",
    idea="Mix each batch with mixup or with CutMix, chosen by chance, as recipes for vision transformers do.",
    formula="with probability prob: CutMix with probability switch_prob, else mixup",
    paper=Paper(
        title="Training data-efficient image transformers & distillation through attention",
        year=2021,
        arxiv="2012.12877",
    ),
    helps_when="Long schedules, large networks, transformers trained from scratch.",
    pitfalls=(
        "One way, one weight and one box for all images of a shard (timm's mode `batch`).",
        "timm's own class smooths labels by 0.1 as well: here that is `label_smoothing`, and its own factor.",
        "Strong: short schedules and small networks may underfit.",
    ),
    clashes={
        "mixup": "a batch would be mixed twice; this one contains it",
        "cutmix": "a batch would be mixed twice; this one contains it",
    },
    defaults_from="mixup_alpha 0.8, cutmix_alpha 1, switch_prob 0.5: the paper (DeiT); prob 1: timm.",
)


class MixupOrCutmix(Strategy["MixupOrCutmixConfig"]):
    """Draws, per shard, whether to mix, how, and one pairing."""

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        c = self.config
        if rng.host.random() >= c.prob:
            return batch
        if rng.host.random() < c.switch_prob:
            height, width = batch.images.shape[-2:]
            box = draw_box(rng.host, c.cutmix_alpha, height, width)
            return paste_box(batch, box, rng.permutation(len(batch.images), batch.images.device))
        weight = float(rng.host.beta(c.mixup_alpha, c.mixup_alpha))
        return blend_pairs(batch, weight, rng.permutation(len(batch.images), batch.images.device))


class MixupOrCutmixConfig(StrategyConfig):
    """Switches the two on, by turns."""

    kind: Literal["mixup_or_cutmix"] = "mixup_or_cutmix"
    mixup_alpha: float = Field(0.8, gt=0, le=4, description="mixup blends by Beta(alpha, alpha)")
    cutmix_alpha: float = Field(1.0, gt=0, le=4, description="CutMix's box takes 1 - Beta(alpha, alpha) of the image")
    switch_prob: float = Field(0.5, gt=0, lt=1, description="share of CutMix among the mixed shards")
    prob: float = Field(1.0, gt=0, le=1, description="share of the shards that are mixed")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = MixupOrCutmix

    @classmethod
    def neutral(cls) -> Self:
        """Below any draw."""
        return cls(prob=1e-18)
