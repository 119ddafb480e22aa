"""Born-again networks: distil a network into one just like it, generation by generation."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.experiment import StageList, StageSpec, Training
from pipeline.recipes.base import RecipeConfig, changed, with_strategy
from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef
from pipeline.strategies.distill import DistillConfig

CARD = Card(
    title="Born-again networks",
    family="distillation",
    idea="Train the recipe once, then train it again from new weights with the first network as its teacher.",
    formula="generation g: L = (1 - w) CE(y, p_g) + w T^2 KL(p_(g-1)^(1/T) || p_g^(1/T))",
    paper=Paper(title="Born Again Neural Networks", year=2018, arxiv="1805.04770"),
    helps_when="Labels are ambiguous or noisy, and no larger network is at hand.",
    pitfalls=(
        "Each generation costs a whole training run per seed: compare with one run of as many epochs.",
        "A first generation that fits its training images perfectly has little more to say than the labels.",
    ),
    defaults_from="T 1: the paper's; weight 0.5; one generation of the five that the paper tries.",
)


class BornAgainConfig(RecipeConfig):
    """Adds a stage for each generation before the last; all have the arm's own recipe."""

    kind: Literal["born_again"] = "born_again"
    generations: int = Field(1, ge=1, le=10, description="how often the recipe is distilled into itself")
    temperature: float = Field(1.0, gt=0)
    weight: float = Field(0.5, gt=0, le=1)
    card: ClassVar[Card] = CARD

    def expand(self, trial: StageList, bare: Training) -> StageList:
        """Put the earlier generations before the last. The first is the arm without this recipe, whose runs it shares.

        They are the arm's and not the bare recipe's, since a network that is born again is born as what it was.
        """
        *earlier, main = trial.stages
        ancestors = [changed(main, name="generation_1")]
        for number in range(2, self.generations + 1):
            ancestors.append(changed(self._taught_by(ancestors[-1].name, trial), name=f"generation_{number}"))
        return StageList(stages=(*earlier, *ancestors, self._taught_by(ancestors[-1].name, trial)))

    def _taught_by(self, teacher: str, trial: StageList) -> StageSpec:
        distill = DistillConfig(teacher=StageRef(stage=teacher), temperature=self.temperature, weight=self.weight)
        return with_strategy(trial.stages[-1], distill, self.kind)
