"""How large luck is, as typed values: the spread over seeds, bare run again and again, and one seed run twice."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from reports.results.ranges import Range


class NoiseFloor(Frozen):
    """How much the runs of one arm scatter over seeds, and how far apart that puts two arms that do not differ."""

    sd: float
    ci95: Range
    df: int
    source: str = Field(description="the runs that it was estimated from")
    num_seeds: int = Field(description="of the study")
    t95: float = Field(description="the 97.5% quantile of Student's t with `df` degrees of freedom")
    band: Range = Field(description="95% of the differences between two arms that do not differ, with `num_seeds` each")
    sentence: str

    def half_width(self, num_seeds: int, sum_squared_weights: float = 2.0) -> float:
        """Half of the band of an effect that is 0, in display units.

        Args:
            num_seeds: that all arms of the effect have in common.
            sum_squared_weights: of the arms in the effect; 2 for a difference of two.
        """
        return self.t95 * self.sd * (sum_squared_weights / num_seeds) ** 0.5


class Repeats(Frozen):
    """One recipe run again and again: bare with its seeds, and with the same seeds on other random streams (A/A)."""

    scores: dict[str, dict[int, float]] = Field(description="arm -> seed -> score, bare first")
    differences: dict[str, dict[int, float]] = Field(description="A/A arm -> seed -> its score minus bare's")
    sd: float | None = Field(description="of all these runs around their mean; None below two runs, or without spread")
    ci95: Range | None
    df: int
    band: Range | None = Field(description="95% of the mean differences of such an arm to bare, with as many seeds")
    sentence: str


class Rerun(Frozen):
    """Bare once more with a seed that it had already."""

    seed: int
    outcome: Literal["same", "differs", "not finished"]
    difference: float | None = Field(description="of the deciding metric, in display units; None where unfinished")
    sentence: str
