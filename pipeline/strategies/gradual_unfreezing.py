"""Gradual unfreezing: the head learns first, then one block after another from the top down."""

import math
from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn

from pipeline.models.structure import blocks
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Gradual unfreezing",
    family="transfer",
    idea="A new head sends noise into a pretrained network: let the head learn first, and unfreeze block by block.",
    formula="at progress p the last max(1, ceil(B p / full_at_frac)) of B blocks learn",
    paper=Paper(title="Universal Language Model Fine-tuning for Text Classification", year=2018, arxiv="1801.06146"),
    helps_when="A pretrained network is fine-tuned on few images.",
    pitfalls=(
        "From scratch the frozen blocks are random features.",
        "With fewer epochs than blocks several unfreeze at once.",
        "Early epochs are cheaper, so equal epochs are not equal cost.",
    ),
    defaults_from="full_at_frac 0.5: ours; the paper unfreezes one layer an epoch.",
)


def num_unfrozen(progress: float, num_blocks: int, full_at_frac: float) -> int:
    """How many of the last blocks learn at this share of training: from 1 to all of them."""
    if progress >= full_at_frac:
        return num_blocks
    share = round(num_blocks * progress / full_at_frac, 9)  # 2.0000000000000004 blocks are two
    return max(1, math.ceil(share))


class GradualUnfreezing(Strategy["GradualUnfreezingConfig"]):
    """Draws nothing."""

    def trainable(self, model: nn.Module, progress: float) -> frozenset[str] | None:  # noqa: D102
        names = blocks(model)
        number = num_unfrozen(progress, len(names), self.config.full_at_frac)
        return None if number == len(names) else frozenset(name for block in names[-number:] for name in block)


class GradualUnfreezingConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["gradual_unfreezing"] = "gradual_unfreezing"
    full_at_frac: float = Field(0.5, ge=0, lt=1, description="share of the epochs by which everything learns")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = GradualUnfreezing

    @classmethod
    def neutral(cls) -> Self:
        """Everything from the start."""
        return cls(full_at_frac=0.0)
