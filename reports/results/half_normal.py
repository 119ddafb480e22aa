"""Which effects of a screen stand out, as typed values."""

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context


class RankedEffect(Frozen):
    """One effect of the screen. Numbers are in display units."""

    factor: str
    context: Context
    size: float = Field(description="without its sign")
    gain: float = Field(description="with its sign, turned so that above 0 is better")
    quantile: float = Field(description="half-normal: the size expected of this rank if every effect were 0, in sd")


class HalfNormalAnalysis(Frozen):
    """Sizes against what luck would give, and the limits that the repeated runs set."""

    points: tuple[RankedEffect, ...] = Field(description="smallest first")
    standard_error: float = Field(description="of one effect, from runs of one arm with several seeds; the largest")
    df: float
    level: float
    limit: float = Field(description="an effect that is 0 stays below it in `level` of the studies")
    limit_of_all: float = Field(description="all effects together do, if all are 0 (Bonferroni)")
