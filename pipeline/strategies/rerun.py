"""Rerun: the same recipe on the same random streams. A control: nothing differs but the run itself."""

from typing import ClassVar, Literal

from pipeline.spec.card import ANY_TASK, Card
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Rerun",
    family="controls",
    tasks=ANY_TASK,
    idea="Change nothing at all: the same seed once more, as a run of its own. Expect: the same numbers bit for bit.",
    helps_when="Worth one run of every study: if the numbers differ, the machine itself adds noise.",
    pitfalls=("Where kernels are not deterministic (most GPUs by default), it differs by that noise, and by no more.",),
)


class Rerun(Strategy["RerunConfig"]):
    """No hook: a run with it has another identity and the same code path."""


class RerunConfig(StrategyConfig):
    """Switches the rerun on."""

    kind: Literal["rerun"] = "rerun"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Rerun
    changes_nothing: ClassVar[bool] = True

    @classmethod
    def neutral(cls) -> "RerunConfig":  # noqa: D102 - the hook's own docstring
        return cls()
