"""Whether the arms of a study were tuned alike, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen

Mark = Literal["tuned", "partly tuned", "not tuned"]


class ArmTuning(Frozen):
    """How one arm came to its settings."""

    arm: str
    mark: Mark = Field(description="partly: a factor of the arm sets some of the fields, or the arm lacks them")
    searched: tuple[str, ...]
    held: dict[str, str] = Field(description="field -> why it was not searched in this arm")
    shares: str = Field(description="the arm whose search this one shares; empty: it had its own")
    num_trials: int
    num_finished: int = Field(description="trials that have a score")
    settings: dict[str, str] = Field(description="dotted path -> chosen value as text; empty: the recipe as written")
    near_edge: tuple[str, ...] = Field(description="fields whose chosen value lies near an end of its range")
    search_score: float | None = Field(description="in display units; the best of its trials, so too good on average")
    fresh: float | None = Field(description="mean over the study's seeds, in display units; None: none has finished")


class Parity(Frozen):
    """The searches of all arms."""

    study: str = Field(description="that holds the runs of the searches")
    seed: int
    trials: int = Field(description="of every arm")
    fields: tuple[str, ...]
    arms: tuple[ArmTuning, ...]
    unequal: tuple[str, ...] = Field(description="comparisons of which one side was searched more fully than the other")
    sentence: str
