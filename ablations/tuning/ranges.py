"""Numbers of a range as a person would write them."""

from pipeline.spec.tuning import LogUniform, Uniform

DIGITS = 4  # of a value that is drawn: more would tell nothing, and nobody could copy it


def shorten(value: float, found: Uniform | LogUniform) -> float:
    """A value of a range with few digits, still inside it."""
    return min(found.high, max(found.low, float(f"{value:.{DIGITS}g}")))
