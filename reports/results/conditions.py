"""How the effects of a study fare under its other conditions, as typed values. All of it exploratory."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.stats.verdict import Verdict


class Change(StrEnum):
    """Whether an effect is the same under a condition as in the study itself."""

    REVERSES = "reverses"
    FLIPS = "flips"
    DIFFERS = "differs in size"
    HOLDS = "holds"
    NO_EVIDENCE = "no evidence that it differs"
    NOT_ASSESSED = "not assessed"

    @property
    def supported(self) -> bool:
        """Whether the data say that the effects differ, whatever becomes of the verdict."""
        return self in (Change.REVERSES, Change.FLIPS, Change.DIFFERS)


class EffectThere(Frozen):
    """One declared effect under one condition; numbers in display units, treatment minus reference as measured."""

    condition: str
    effect: Effect | None = Field(description="as the condition's own study judges it; None where it has none")
    difference: float | None = Field(None, description="the effect there minus the study's own")
    difference_ci95: Range | None = None
    p: float | None = Field(None, description="of no difference, by Welch's t")
    q: float | None = Field(None, description="by Benjamini and Hochberg over every effect under every condition")
    df: float | None = None
    detectable: float | None = Field(None, description="smallest difference found with 80% power, before correction")
    change: Change
    sentence: str


class EffectUnderConditions(Frozen):
    """One declared effect of the study, and what became of it."""

    title: str = Field(description="the factor, with its context where the study asks in several")
    factor: str
    context: Context
    verdict: Verdict
    estimate: float | None
    ci95: Range | None
    there: tuple[EffectThere, ...] = Field(description="in the order of the conditions")


class ConditionState(Frozen):
    """A condition and how much of it has run."""

    name: str
    study: str
    changes: dict[str, Any]
    setting: str = ""
    num_planned: int = 0
    num_finished: int = 0
    bare: float | None = Field(None, description="mean of the bare recipe there, in display units")


class UnderConditions(Frozen):
    """Every declared effect under every condition."""

    conditions: tuple[ConditionState, ...]
    bare: float | None = Field(description="mean of the study's own bare recipe, in display units")
    effects: tuple[EffectUnderConditions, ...]
    num_compared: int = Field(description="differences that were tested, all of one family")
    sentence: str = Field(description="how many verdicts flip, and how many differences are supported at all")
