"""What a search found, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from reports.results.effect import Effect
from reports.results.study import Spread

TrialState = Literal["finished", "short", "running", "failed", "impossible"]


class TrialResult(Frozen):
    """A trial and how its longest run ended."""

    number: int
    values: dict[str, str] = Field(description="dotted path -> value as text")
    state: TrialState = Field(description="short: the scheduler gave it no run in full")
    epochs: int = Field(description="of the run that `score` is of; 0 without one")
    score: float | None = Field(description="on validation, in display units")
    seconds: float | None = Field(description="that run trained, beside other runs")
    reason: str = Field("", description="why it failed or could not be")
    on_front: bool = Field(False, description="no other trial is at least as good in score and time, and better in one")


class Slice(Frozen):
    """Scores along one parameter, over runs of equal length."""

    path: str
    log: bool
    choices: tuple[str, ...] = Field(default=(), description="of a parameter without an order; empty: it has one")
    positions: tuple[float, ...] = Field(description="the value, or its place among the choices, a trial each")
    scores: tuple[float, ...]
    trials: tuple[int, ...]


class Importance(Frozen):
    """How much of the spread of scores goes with one parameter."""

    path: str
    share: float | None = Field(description="of the variance of the ranks; None: too few trials to say")
    low: float | None
    high: float | None
    num_trials: int


class BestSoFar(Frozen):
    """The best run in full after so many of them had ended, in the order of the trials."""

    trial: int
    score: float


class Winner(Frozen):
    """The trial that was chosen: by one run, and by the runs with fresh seeds."""

    trial: int
    values: dict[str, str]
    recipe: dict[str, object]
    selected: float = Field(description="the score that chose it: the best of many, so too high on average")
    fresh: Spread | None = Field(description="with fresh seeds; None before one has finished")
    bare: Spread | None = Field(description="of the base as it was written, with the same seeds")
    effect: Effect | None = Field(
        description="the chosen trial minus the base, judged like any factor; None before it was planned"
    )


class TuningAnalysis(Frozen):
    """Of a search, finished or not."""

    study: str
    question: str
    setting: str
    metric_title: str
    search: str
    scheduler: str
    budget: str
    seconds: bool
    epochs: int = Field(description="of a run in full")
    compared_epochs: int = Field(description="of the runs that slices and importance compare")
    trials: tuple[TrialResult, ...]
    best: tuple[BestSoFar, ...]
    slices: tuple[Slice, ...]
    importance: tuple[Importance, ...]
    winner: Winner | None
    warnings: tuple[str, ...] = ()
