"""A recipe is a pure rewrite that gives a trial more stages."""

from typing import Any, ClassVar, Self

from pipeline.experiment import StageList, StageSpec, Training
from pipeline.spec.base import Frozen
from pipeline.spec.card import Card
from pipeline.spec.errors import Impossible
from pipeline.strategies.base import StrategyConfig


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


def fields_of(training: Training) -> dict[str, Any]:
    """What a stage has in common with it, by name."""
    return {name: getattr(training, name) for name in Training.model_fields}


def changed(stage: StageSpec, **changes: Any) -> StageSpec:
    """The stage with other fields, checked as if it were written so."""
    return StageSpec(**{name: getattr(stage, name) for name in StageSpec.model_fields} | changes)


def with_strategy(stage: StageSpec, strategy: StrategyConfig, recipe: str) -> StageSpec:
    """The stage with one strategy more.

    Raises:
        Impossible: it has one of this kind.
    """
    if strategy.kind in {known.kind for known in stage.strategies}:
        raise Impossible(
            f"recipes: {recipe} adds {strategy.kind} to stage {stage.name!r}, which has it already (from its "
            "strategies or another recipe); leave one of them out"
        )
    return changed(stage, strategies=(*stage.strategies, strategy))
