"""One planned comparison, judged, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context
from reports.results.ranges import Range
from reports.results.robustness import Robustness
from reports.stats.estimate import Method
from reports.stats.verdict import Verdict

Expectation = Literal["no evidence", "hurts"]


class CostRatio(Frozen):
    """Time of a training step over the reference's, from one exclusive timing block."""

    value: float
    ci95: Range | None
    num_rounds: int
    block: str


class MethodResult(Frozen):
    """One way of estimating a difference, in display units: treatment minus reference as measured."""

    method: Method
    estimate: float
    ci95: Range | None = Field(description="None where the method saw no spread at all")
    p: float | None
    df: float
    n: int


class SecondaryEffect(Frozen):
    """The same comparison on another metric: exploratory, adjusted by Benjamini and Hochberg."""

    metric: str
    estimate: float
    ci95: Range
    p: float
    q: float


class Effect(Frozen):
    """One planned comparison. Numbers are in display units (points where the metric is a share).

    `estimate` is treatment minus reference as measured, so for a metric where lower is better a helpful factor is
    below 0; `verdict` has the direction turned already.
    """

    factor: str
    context: Context
    treatment: str = Field(description="an arm; empty for a weighted sum of arms")
    reference: str = Field(description="an arm; empty for a weighted sum of arms")
    weights: dict[str, float] = Field(default={}, description="arm -> weight; empty for a difference of two arms")
    control: bool
    exploratory: bool = Field(default=False, description="outside the declared family: a lead, never advice")
    confounded: tuple[str, ...] = Field(default=(), description="effects that the design cannot tell from this one")
    mixed_in: tuple[str, ...] = Field(default=(), description="interactions of which more than half is in this effect")
    expected: Expectation | None = None
    as_expected: bool | None = None
    verdict: Verdict
    sentence: str
    detail: str = Field(
        default="", description="the sentence to quote: with setting, interval, seeds, method and correction"
    )
    estimate: float | None = None
    level: float = Field(default=0.95, description="of `ci95`: above .95 where several looks were declared")
    ci95: Range | None = Field(default=None, description="the interval of the verdict, at `level`")
    ci90: Range | None = Field(default=None, description="by which equivalence is judged")
    p: float | None = None
    p_holm: float | None = Field(default=None, description="over the declared family; a control's own p")
    q: float | None = Field(default=None, description="exploratory: by Benjamini and Hochberg among its own kind")
    method: Method | None = None
    df: float | None = None
    n: int
    num_seeds_planned: int
    mde: float | None = None
    standard_error: float | None = Field(default=None, description="of `estimate`, by the headline method")
    sd: float | None = Field(default=None, description="of what one seed says, as the headline method sees it")
    correlation: float | None = Field(default=None, description="of both sides over seeds")
    differences: dict[int, float] = Field(
        description="seed -> treatment minus reference, or the weighted sum of all arms; empty where the arms trained "
        "alike: zeros would look measured"
    )
    identical_seeds: tuple[int, ...] = Field(default=(), description="in which both arms trained bit for bit alike")
    others: tuple[MethodResult, ...] = Field(default=(), description="every method, the headline's too")
    secondary: tuple[SecondaryEffect, ...] = ()
    robustness: Robustness | None = Field(None, description="None below two seeds")
    notes: tuple[str, ...] = ()
    step_ratio: CostRatio | None = None
