"""What a study promised before it saw any result, and the diary of the plans that it was run with."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import ADDED_LATER, Frozen
from pipeline.spec.more_seeds import MoreSeeds
from pipeline.spec.records import MetricName
from pipeline.spec.retuning import PromisedSearch


class PromisedComparison(Frozen):
    """A member of the family, or one beside it."""

    factor: str
    context: str
    contrast: dict[str, float] = Field(description="arm -> weight, to nine digits")
    control: bool
    exploratory: bool

    @property
    def name(self) -> str:
        """'mixup added to bare'."""
        return f"{self.factor} {self.context}"


class Promise(Frozen):
    """All that decides a verdict and could be bent once results are known; not the names and notes of a study."""

    metric: MetricName
    delta: float
    target: float | None = Field(None, description="whose time is taken; in display units")
    alpha: float = Field(description="two-sided level of the verdicts")
    seeds: tuple[int, ...] = Field(description="of the first stage: those of the grid")
    more_seeds: MoreSeeds
    design: str
    comparisons: tuple[PromisedComparison, ...]
    arms: dict[str, str] = Field(description="name -> hash of its last stage")
    seeds_of_arms: dict[str, tuple[int, ...]] = Field(default={}, description="arm -> its seeds, where it has its own")
    excluded: tuple[str, ...] = Field(description="arms of the design that are not run")
    data_fingerprint: str
    num_samples: dict[str, int] = Field(description="role -> images")
    retune: Annotated[PromisedSearch | None, ADDED_LATER] = Field(
        None, description="what every arm's settings are searched in; None: they are the grid's"
    )

    @property
    def family(self) -> tuple[PromisedComparison, ...]:
        """The comparisons that Holm's correction counts."""
        return tuple(c for c in self.comparisons if not c.control and not c.exploratory)


class PlanEntry(Frozen):
    """One line of a study's `plans.jsonl`: a plan that `ablate run` started with, other than the one before it."""

    schema_version: Literal[1] = 1
    plan_hash: str
    promise: Promise
    seeds: tuple[int, ...] = Field(description="that were to run: the promised ones, and those a rule has added")
    started_at: str = Field(description="UTC, ISO 8601")
    code_version: str
    num_results: int = Field(
        ge=0, description="finished runs of arms of this plan or of an earlier one of the study, when it started"
    )
