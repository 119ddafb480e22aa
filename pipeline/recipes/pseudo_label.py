"""Pseudo-labelling: train on the labels there are, let that network label the rest, train again on both."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.experiment import StageList, StageSpec, Training
from pipeline.recipes.base import RecipeConfig, fields_of, with_strategy
from pipeline.spec.card import Card
from pipeline.spec.links import StageRef
from pipeline.strategies.pseudo_labels import CARD as STRATEGY_CARD
from pipeline.strategies.pseudo_labels import MinConfidence, PseudoLabelsConfig, Selection

CARD = STRATEGY_CARD.model_copy(
    update={
        "title": "Pseudo-labelling",
        "idea": "Train the bare recipe on the labels there are, let it label the other images, and train on both.",
        "formula": "round r: y(u) = argmax_k p_(r-1)(k | u) where it is sure; every round starts from new weights",
    }
)


class PseudoLabelConfig(RecipeConfig):
    """Adds a stage `labels_1` (the bare recipe), one more for each further round, and `pseudo_labels`."""

    kind: Literal["pseudo_label"] = "pseudo_label"
    rounds: int = Field(1, ge=1, le=10, description="how often the unlabelled images are labelled anew")
    select: Selection = MinConfidence()
    soft: bool = Field(False, description="the teacher's probabilities as targets, instead of its most probable class")
    card: ClassVar[Card] = CARD

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Put the labelling stages before the last one. The first is the bare arm, and shares its runs."""
        *earlier, main = trial.stages
        labellers = [StageSpec(name="labels_1", **fields_of(bare))]
        for number in range(2, self.rounds + 1):
            fresh = StageSpec(name=f"labels_{number}", **fields_of(bare))
            labellers.append(with_strategy(fresh, self._labels_of(labellers[-1]), self.kind))
        return StageList(stages=(*earlier, *labellers, with_strategy(main, self._labels_of(labellers[-1]), self.kind)))

    def _labels_of(self, stage: StageSpec) -> PseudoLabelsConfig:
        return PseudoLabelsConfig(teacher=StageRef(stage=stage.name), select=self.select, soft=self.soft)
