"""The search that gave every arm of a study its settings before its seeds ran. Reports read only this."""

from typing import Any

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.tuning import AnyRange


class Candidate(Frozen):
    """Settings that an arm was tried with."""

    arm: str = Field(description="of the search's study, whose last stage is the run")
    values: dict[str, Any] = Field(description="dotted path -> value")


class ArmSearch(Frozen):
    """What was searched for one arm, and what was found."""

    arm: str
    space: dict[str, AnyRange] = Field(description="dotted path -> what was tried there; empty: nothing")
    held: dict[str, str] = Field(default={}, description="field of the grid's `retune` -> why it is not searched here")
    like: str = Field("", description="the arm that differs by luck alone or not at all, whose search this one shares")
    candidates: tuple[Candidate, ...] = Field(default=(), description="in their order; the arm as written comes first")
    num_finished: int | None = Field(None, ge=0, description="candidates that have a score; None: not run yet")
    chosen: int | None = Field(None, ge=0, description="the best of the candidates; None: none has a score")
    score: float | None = Field(None, description="of the chosen on val, as stored: the best of many, so too good")

    @property
    def values(self) -> dict[str, Any]:
        """The settings that the arm's seeds run with; empty where it keeps what its recipe says."""
        return {} if self.chosen is None else self.candidates[self.chosen].values


class Retuning(Frozen):
    """The searches of a study: as many trials for every arm, scored on val with a seed that judges nothing."""

    study: str = Field(description="the study that holds the runs of the search")
    fields: tuple[str, ...] = Field(description="dotted paths")
    trials: int = Field(description="of every arm")
    seed: int = Field(description="of every trial, and of the draws; never among the seeds that judge")
    arms: tuple[ArmSearch, ...]

    def own(self, arm: str) -> ArmSearch:
        """What is said of an arm itself."""
        return next(search for search in self.arms if search.arm == arm)

    def of(self, arm: str) -> ArmSearch:
        """The search that gave an arm its settings: its own, or the one that it shares."""
        found = self.own(arm)
        return self.own(found.like) if found.like else found

    def searched(self, arm: str) -> frozenset[str]:
        """The fields that were tuned in an arm: none where no trial of its search has a score."""
        found = self.of(arm)
        return frozenset(() if found.num_finished == 0 else found.space)


class PromisedSearch(Frozen):
    """What of the searches is fixed before any result."""

    trials: int
    seed: int
    spaces: dict[str, dict[str, AnyRange]] = Field(description="arm -> dotted path -> what is tried there")
