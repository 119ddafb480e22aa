"""What other ways of looking at the same seeds say about an effect: beside the verdict, never instead of it."""

from pydantic import Field

from pipeline.spec.base import Frozen


class Robustness(Frozen):
    """Of the seeds that an effect was measured in. Turned so that above 0 and above one half are improvements."""

    improvement: float = Field(description="share of the seeds that were better with the factor; a tie counts half")
    improvement_low: float = Field(description="lower end of its 95% interval (Wilson)")
    improvement_high: float
    d_z: float | None = Field(description="mean gain over its standard deviation across seeds; None without spread")
    hedges_g: float | None = Field(description="d_z corrected for few seeds")
    sign_flip_p: float | None = Field(
        description="exact and two-sided; None where this many seeds cannot reach the level after correction"
    )
