"""Two studies held side by side, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context
from reports.results.ranges import Range
from reports.results.study import Spread

Matched = Literal["same runs", "same name and recipe", "same name, other recipe", "same recipe, other name"]


class Side(Frozen):
    """One of the two studies, in short."""

    study: str
    question: str
    setting: str
    num_planned: int
    num_finished: int
    num_failed: int


class SettingDifference(Frozen):
    """Something that is not the same in both studies, in words."""

    what: str
    first: str
    second: str


class ArmDifference(Frozen):
    """Second minus first of one arm over the seeds that both finished: exploratory, in display units."""

    estimate: float
    level: float
    interval: Range | None = Field(description="None where the seeds do not differ in their difference at all")
    p: float | None
    q: float | None = Field(None, description="by Benjamini and Hochberg over all arms of this comparison")
    df: float
    seeds: tuple[int, ...]


class ArmPair(Frozen):
    """An arm that both studies have."""

    first: str
    second: str
    matched: Matched
    changed: tuple[SettingDifference, ...] = Field(default=(), description="fields of the recipe that differ")
    first_score: Spread | None = Field(description="on validation, in display units; None before a run has finished")
    second_score: Spread | None
    difference: ArmDifference | None
    why_none: str = Field("", description="why there is no difference; empty where there is one")


class SideVerdict(Frozen):
    """What one study says about a factor; both texts are empty where it does not ask."""

    numbers: str
    sentence: str


class VerdictPair(Frozen):
    """The verdicts of both studies on one factor in one context, each by its own rule."""

    factor: str
    context: Context
    first: SideVerdict | None = Field(description="None: not planned in this study")
    second: SideVerdict | None


class TwoStudies(Frozen):
    """Everything that is said about two studies together."""

    schema_version: Literal[1] = 1
    first: Side
    second: Side
    metric: str = Field(description="of the differences and of the first study's scores")
    metric_title: str
    unit: str
    obstacles: tuple[str, ...] = Field(description="why no difference may be computed at all; empty where one may be")
    settings: tuple[SettingDifference, ...] = Field(description="what differs between the studies and bare's recipes")
    environments: tuple[SettingDifference, ...] = Field(description="versions and hardware that differ")
    arms: tuple[ArmPair, ...]
    only_first: tuple[str, ...] = Field(description="arms that the second study does not have")
    only_second: tuple[str, ...]
    verdicts: tuple[VerdictPair, ...]
    notes: tuple[str, ...]
