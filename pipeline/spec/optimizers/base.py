"""What all optimizers share."""

from typing import ClassVar, Self

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card


class OptimizerFields(Frozen):
    """Fields of every optimizer. `lr` is the peak that a schedule scales."""

    kind: str
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    card: ClassVar[Card]

    @classmethod
    def example(cls) -> Self:
        """A config to show; override it where a field has no default."""
        return cls()

    @property
    def has_momentum(self) -> bool:
        """Whether it averages gradients, so that a schedule may cycle the momentum without bringing it in."""
        return True
