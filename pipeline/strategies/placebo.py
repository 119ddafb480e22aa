"""Placebo: the same recipe on another random stream. A control: only luck differs."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.spec.base import derive_seed
from pipeline.spec.card import ANY_TASK, Card
from pipeline.strategies.base import Strategy, StrategyConfig

CARD = Card(
    title="Placebo",
    family="controls",
    tasks=ANY_TASK,
    idea="Change nothing but the root of the random streams (weights, order, crops). Expect: no evidence of an effect.",
    helps_when="Always worth an arm: if the placebo 'helps', do not trust the other verdicts either.",
    pitfalls=(
        "It is no longer paired with its seed's other arms, so its interval is honest about luck, not narrower.",
    ),
)


class Placebo(Strategy["PlaceboConfig"]):
    """Renames every stream."""

    def stream_seed(self, seed: int) -> int:  # noqa: D102 - the hook's own docstring
        return derive_seed(seed, self.config.stream)


class PlaceboConfig(StrategyConfig):
    """Switches the placebo on."""

    kind: Literal["placebo"] = "placebo"
    stream: str = Field("placebo", min_length=1, description="names the luck: another name, another placebo")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Placebo
