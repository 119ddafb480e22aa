"""RandAugment: a few random operations, all of one magnitude."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.data.ops import Interpolation, colour_of
from pipeline.data.random_ops import NUM_LEVELS, ApplyRandomOps
from pipeline.data.transforms import RowTransform
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

ONLY_ONE = "both are a full policy over the same operations; together they distort twice"
CARD = Card(
    title="RandAugment",
    family="augmentation",
    tasks=ANY_TASK,
    idea="Apply a few operations drawn evenly from fourteen, all at one magnitude: two numbers instead of a search.",
    formula="op_1 .. op_n ~ U(14 operations), each at magnitude m of 30",
    paper=Paper(
        title="RandAugment: Practical automated data augmentation with a reduced search space",
        year=2019,
        arxiv="1909.13719",
    ),
    helps_when="The network can memorise the training set; large networks and long schedules bear larger magnitudes.",
    pitfalls=(
        "A short schedule or a small network may underfit: try a lower magnitude, or one operation.",
        "Solarize turns white into black, Posterize bands: both hurt where colour is the class.",
    ),
    clashes={kind: ONLY_ONE for kind in ("auto_augment", "trivial_augment", "aug_mix")},
    defaults_from="num_ops 2, magnitude 9 of 30: the paper's ResNet-50 on ImageNet; fill: the data's mean, as timm.",
)


class RandAugment(Strategy["RandAugmentConfig"]):
    """Works on single images, where they are rendered."""

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        c = self.config
        return (ApplyRandomOps(c.num_ops, c.magnitude, c.interpolation, colour_of(self.context.mean_rgb)),)


class RandAugmentConfig(StrategyConfig):
    """Switches RandAugment on."""

    kind: Literal["rand_augment"] = "rand_augment"
    num_ops: int = Field(2, ge=1, le=8, description="operations on each image")
    magnitude: int = Field(9, ge=0, lt=NUM_LEVELS, description="of all operations, 0 to 30")
    interpolation: Interpolation = "nearest"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = RandAugment
