"""Pre-training: a stage that runs before the one that is compared, which then starts from its backbone."""

from typing import ClassVar, Literal, Self

from pydantic import Field

from pipeline.experiment import StageList, StageSpec, Strategies, Training
from pipeline.recipes.base import RecipeConfig
from pipeline.spec.card import Card, Paper
from pipeline.spec.data import AnyData, Digits
from pipeline.spec.errors import Impossible
from pipeline.spec.links import FromStage, Scratch
from pipeline.spec.optim import AnyOptimizer
from pipeline.spec.schedule import AnySchedule, Cosine
from pipeline.strategies.base import StrategyConfig
from pipeline.tasks.catalogue import AnyTask
from pipeline.tasks.classify import Classify

STAGE = "pretrain"


class PretrainingRecipe(RecipeConfig):
    """A stage `pretrain` with a budget, an optimizer, a schedule and data of its own.

    What it does not set comes from bare, so that no factor of the arm changes it; only the network is the arm's, with
    the surgery that the arm does to it, since its weights must fit.
    """

    epochs: int | None = Field(None, ge=1, description="default: the bare budget's")
    batch_size: int | None = Field(None, ge=2, description="global; default: the bare budget's")
    optimizer: AnyOptimizer | None = Field(None, description="default: the bare recipe's")
    schedule: AnySchedule = Cosine()

    def _expanded(
        self, trial: StageList, bare: Training, data: AnyData, task: AnyTask, strategies: Strategies
    ) -> StageList:
        """Put the stage before all others, and start the last from it."""
        *earlier, main = trial.stages
        if not isinstance(main.init, Scratch):
            raise Impossible(
                f"recipes: {self.kind} decides what the stage {main.name!r} starts from, and so does its init of kind "
                f"{main.init.kind}; switch one of them off"
            )
        changes = {"epochs": self.epochs, "batch_size": self.batch_size}
        first = StageSpec(
            name=STAGE,
            task=task,
            data=data,
            model=main.model,
            optimizer=self.optimizer or bare.optimizer,
            schedule=self.schedule,
            budget=bare.budget.model_copy(update={k: v for k, v in changes.items() if v is not None}),
            precision=bare.precision,
            memory_format=bare.memory_format,
            strategies=(*strategies, *_surgery(main, task, {strategy.key for strategy in strategies})),
        )
        fields = {name: getattr(main, name) for name in StageSpec.model_fields}
        start = FromStage(stage=STAGE, part="backbone")
        return StageList(stages=(first, *earlier, StageSpec(**{**fields, "init": start})))


def _surgery(main: StageSpec, task: AnyTask, taken: set[str]) -> Strategies:
    """What changes the arm's network, but for what belongs to its classifier and what the stage has anyway."""
    editors = [s for s in main.strategies if type(s.trick).edit_model is not StrategyConfig.edit_model]
    return tuple(s for s in editors if task.kind in s.trick.card.tasks and s.key not in taken)


CARD = Card(
    title="Pre-training with labels",
    family="transfer",
    idea="Learn to classify other images first, then start from that network's backbone with a new classifier.",
    paper=Paper(title="How transferable are features in deep neural networks?", year=2014, arxiv="1411.1792"),
    helps_when="There are few labelled images, and many of something similar.",
    pitfalls=(
        "It costs a training run per seed: look at the cost with ancestors.",
        "Against a longer training on the images themselves the gain may vanish (He et al., arXiv:1811.08883).",
        "Another learning rate is best when starting from trained weights: tune both arms alike.",
    ),
    defaults_from="Optimizer and budget: the bare recipe's.",
)


class PretrainConfig(PretrainingRecipe):
    """Adds a stage `pretrain` that classifies other images."""

    kind: Literal["pretrain"] = "pretrain"
    data: AnyData
    strategies: Strategies = ()
    card: ClassVar[Card] = CARD

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(data=Digits())

    def expand(self, trial: StageList, bare: Training) -> StageList:  # noqa: D102 - as its base
        return self._expanded(trial, bare, self.data, Classify(), self.strategies)
