"""What a study of more or fewer seeds could see, as typed values."""

from pydantic import Field

from pipeline.spec.base import Frozen
from reports.results.ranges import Range
from reports.stats.estimate import Method


class PowerPoint(Frozen):
    """Smallest effects with this many seeds, in display units, at the power of the analysis."""

    num_seeds: int
    method: Method = Field(description="that would give the verdict with so many seeds")
    alone: float = Field(description="of one comparison, before correction")
    alone_range: Range = Field(description="at both ends of the 95% interval of the measured spread")
    after_correction: float = Field(description="of a comparison that must pass the first step of Holm's correction")


class PowerAnalysis(Frozen):
    """The smallest detectable effect against the number of seeds, for the spread that was measured."""

    power: float
    alpha: float
    sd: float = Field(description="of one arm over seeds, without what arms share with a seed")
    sd_ci95: Range
    squared_norm: float = Field(description="sum of the squared weights of the arms; 2: one arm minus another")
    num_comparisons: int
    num_seeds: int = Field(description="of the study as it stands")
    delta: float
    points: tuple[PowerPoint, ...]
    seeds_for_delta: int | None = Field(description="fewest that find delta before correction; None: more than 1000")
    seeds_range: tuple[int | None, int | None] = Field(description="the same at both ends of the interval of the sd")
    sentence: str
