"""A recipe is a pure rewrite that gives a trial more stages."""

from typing import ClassVar, Self

from pipeline.experiment import StageList, Training
from pipeline.spec.base import Frozen
from pipeline.spec.card import Card


class RecipeConfig(Frozen):
    """What a user writes to switch a recipe on."""

    kind: str
    card: ClassVar[Card]

    @classmethod
    def example(cls) -> Self:
        """The smallest config that works; override it where a field has no default."""
        return cls()

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Insert stages.

        Args:
            trial: the stages so far; the last is the one that is compared.
            bare: the recipe without any factor. New stages take what they do not set from here, not from the arm,
                so that every arm of a seed shares them.
        """
        raise NotImplementedError
