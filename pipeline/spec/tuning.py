"""A search over fields of a recipe: its space, how it looks, and what it has tried. Reports read only these."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen, canonical_json

TUNED = "tuned"
"""The arm, and the factor, that trains the chosen values with fresh seeds."""


class Uniform(Frozen):
    """Any number between two, each as likely."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_ends(self.low, self.high)
        return self


class LogUniform(Frozen):
    """Any number between two, each power of ten as likely: for rates and strengths."""

    kind: Literal["log_uniform"] = "log_uniform"
    low: float = Field(gt=0)
    high: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_ends(self.low, self.high)
        return self


class Integer(Frozen):
    """A whole number between two, both included."""

    kind: Literal["integer"] = "integer"
    low: int
    high: int
    log: bool = Field(False, description="each power of ten as likely; low must be above 0")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _check_ends(self.low, self.high)
        if self.log and self.low < 1:
            raise ValueError(f"log: true needs low of 1 or more, got {self.low}; raise low, or leave log out")
        return self


class Choice(Frozen):
    """One of these, in no order: numbers, texts, or whole parts such as a schedule."""

    kind: Literal["choice"] = "choice"
    values: tuple[Any, ...]

    @model_validator(mode="after")
    def _has_a_choice(self) -> Self:
        spelled = [canonical_json(value) for value in self.values]
        if len(self.values) < 2:
            raise ValueError(
                f"values: a choice needs two or more, got {len(self.values)}; add one, or write the value into base"
            )
        if len(set(spelled)) < len(spelled):
            twice = next(text for text in spelled if spelled.count(text) > 1)
            raise ValueError(f"values: {twice} stands there twice; name each once")
        return self


AnyRange = Annotated[Uniform | LogUniform | Integer | Choice, Field(discriminator="kind")]


def _check_ends(low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"low {low:g} is above high {high:g}; exchange them")
    if low == high:
        raise ValueError(f"low and high are both {low:g}: one point is no range; widen it, or write it into base")


def is_log(found: AnyRange) -> bool:
    """Whether equal ratios count as equal distances."""
    return isinstance(found, LogUniform) or (isinstance(found, Integer) and found.log)


def num_points(found: AnyRange) -> float:
    """How many different values a range has; infinite between two numbers."""
    if isinstance(found, Choice):
        return len(found.values)
    return found.high - found.low + 1 if isinstance(found, Integer) else math.inf


class GridSearch(Frozen):
    """Every combination, in an order drawn from the seed so that a part of it covers the space too."""

    kind: Literal["grid"] = "grid"
    seed: int = Field(0, ge=0, lt=2**31)
    points: int = Field(5, ge=2, le=1000, description="of each range, evenly spread; a choice has its own")


class RandomSearch(Frozen):
    """Each trial drawn by itself (Bergstra and Bengio 2012, JMLR 13:281)."""

    kind: Literal["random"] = "random"
    seed: int = Field(0, ge=0, lt=2**31)


class TpeSearch(Frozen):
    """Optuna's tree-structured Parzen estimator: tries more where trials did well (Bergstra et al. 2011, NIPS)."""

    kind: Literal["tpe"] = "tpe"
    seed: int = Field(0, ge=0, lt=2**31)
    startup_trials: int = Field(10, ge=1, description="drawn at random before the estimator decides")


AnySearch = Annotated[GridSearch | RandomSearch | TpeSearch, Field(discriminator="kind")]


class NoScheduler(Frozen):
    """Every trial trains for all epochs."""

    kind: Literal["none"] = "none"


class Asha(Frozen):
    """Successive halving without waiting: short runs, and the best share of each rung goes on to a longer one.

    After Li et al. (2020, arXiv:1810.05934). A rung is a training of its own from the start, with its schedule drawn to
    its length: a longer run is no continuation of a shorter one whose learning rate has already gone down, and every
    score is then that of a whole recipe, which may be reused.
    """

    kind: Literal["asha"] = "asha"
    first_epochs: int = Field(1, ge=1, description="of the first rung; each further rung trains eta times as long")
    eta: int = Field(3, ge=2, description="one trial in eta goes on")


class Median(Frozen):
    """A short run first; all epochs only for trials that are no worse than the median of the short runs so far.

    The rule of Golovin et al. (2017, Vizier, KDD) between runs rather than inside one, for the reason given at `Asha`.
    """

    kind: Literal["median"] = "median"
    first_epochs: int = Field(1, ge=1, description="of the short run")
    after: int = Field(3, ge=2, description="short runs before any trial goes on")


AnyScheduler = Annotated[NoScheduler | Asha | Median, Field(discriminator="kind")]


class TrialRun(Frozen):
    """A trial trained for some epochs."""

    epochs: int
    arm: str = Field(description="of the plan, whose last stage is the run")


class Trial(Frozen):
    """A point of the space, and the runs it was given."""

    number: int
    values: dict[str, Any] = Field(description="dotted path -> value")
    runs: tuple[TrialRun, ...] = Field(default=(), description="in the order they were asked for, shortest first")
    impossible: str = Field("", description="why no recipe has these values together; empty: one has")


class Tuning(Frozen):
    """What a search promised, and the trials it has asked for, in their order."""

    space: dict[str, AnyRange] = Field(description="dotted path -> what may stand there")
    search: AnySearch
    scheduler: AnyScheduler
    epochs: int = Field(description="of a trial that is trained in full")
    seconds: bool = Field(False, description="whether training time is an objective beside the metric")
    trial_seed: int = Field(description="of every trial; never among the seeds that judge the winner")
    trials: tuple[Trial, ...] = ()
    budget_text: str = Field("", description="for people")
