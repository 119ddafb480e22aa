"""Values of a range: whether one lies in it, and how a person would write it."""

from typing import Any

from pipeline.spec.base import canonical_json
from pipeline.spec.tuning import AnyRange, Choice, Integer, LogUniform, Uniform

DIGITS = 4  # of a value that is drawn: more would tell nothing, and nobody could copy it


def shorten(value: float, found: Uniform | LogUniform) -> float:
    """A value of a range with few digits, still inside it."""
    return min(found.high, max(found.low, float(f"{value:.{DIGITS}g}")))


def holds(found: AnyRange, value: Any) -> bool:
    """Whether a value lies in the range."""
    if isinstance(found, Choice):
        return canonical_json(value) in map(canonical_json, found.values)
    numbers = int if isinstance(found, Integer) else int | float
    return isinstance(value, numbers) and not isinstance(value, bool) and found.low <= value <= found.high
