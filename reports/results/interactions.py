"""What pairs of factors do together, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from reports.results.ranges import Range

PairState = Literal["estimated", "aliased", "not estimable", "no result yet"]


class Pair(Frozen):
    """One pair of factors. Numbers are in display units, as measured: 0 where the two do not mind each other.

    Aliased is an estimate that may be another effect's: `mixed_with` says which, and where the number stands if not
    here.
    """

    first: str
    second: str
    state: PairState
    estimate: float | None = None
    ci95: Range | None = Field(None, description="at the level of the study's verdicts")
    q: float | None = None
    mixed_with: tuple[str, ...] = Field(default=(), description="whole names, or '60% of b x c'")

    @property
    def clear_of_zero(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.ci95 is not None and not self.ci95.low <= 0 <= self.ci95.high


class CellMean(Frozen):
    """A mean of arms in display units, over the seeds in hand."""

    value: float
    ci95: Range | None = Field(description="without the luck that arms share with a seed; None without any spread")


class PairMeans(Frozen):
    """The four means of a pair. The difference of their differences is twice the estimate of the pair."""

    first: str
    second: str
    num_arms: int = Field(description="that the four means are made of")
    neither: CellMean
    first_alone: CellMean
    second_alone: CellMean
    both: CellMean


class InteractionAnalysis(Frozen):
    """Every pair of factors, and the four means behind the largest."""

    factors: tuple[str, ...]
    level: float = Field(description="of the intervals")
    pairs: tuple[Pair, ...]
    largest: tuple[PairMeans, ...]

    def pair(self, one: str, other: str) -> Pair | None:
        """The pair of these two, in either order."""
        return next((pair for pair in self.pairs if {pair.first, pair.second} == {one, other}), None)
