"""Class-balanced sampling: draw samples of rare classes more often."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.data.index import EpochPlan
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Class-balanced sampling",
    family="sampling",
    idea="Draw samples with replacement, those of rare classes more often, until all classes are seen alike.",
    formula="P(sample) ~ count(its class)^-power, so P(class) ~ count^(1 - power)",
    paper=Paper(
        title="Decoupling Representation and Classifier for Long-Tailed Recognition", year=2019, arxiv="1910.09217"
    ),
    helps_when="Classes are very unequal, and balanced accuracy or macro F1 is what counts.",
    pitfalls=(
        "Samples of rare classes repeat often and are memorised, those of common classes are left out of some epochs.",
        "The network expects classes in equal shares: overall accuracy and calibration on unequal data may fall.",
        "Drawing is with replacement, so even equal classes are not seen once an epoch.",
    ),
    defaults_from="power 1: the paper's class-balanced sampling; 0.5 is its square-root sampling.",
)


class ClassBalancedSampling(Strategy["ClassBalancedSamplingConfig"]):
    """Draws where the order of an epoch is drawn."""

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        return replace(plan, class_balance=self.config.power)


class ClassBalancedSamplingConfig(StrategyConfig):
    """Switches class-balanced sampling on."""

    kind: Literal["class_balanced_sampling"] = "class_balanced_sampling"
    power: float = Field(1.0, gt=0, le=1, description="1: all classes alike; 0.5: by the square root of their counts")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ClassBalancedSampling
