"""An interval as a typed value of the analysis."""

from pipeline.spec.base import Frozen


class Range(Frozen):
    """An interval in display units."""

    low: float
    high: float
