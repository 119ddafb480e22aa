"""Shares counted over simulated data sets, with their Monte Carlo error, and tables in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Share:
    """A share, and the standard error that it has from the number of data sets."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}"


def share(hits: Sequence[float] | np.ndarray) -> Share:
    """Of data sets in which something happened.

    Args:
        hits: [num_datasets] of 0 or 1, or the share within each data set.
    """
    counted = np.asarray(hits, dtype=float)
    # The Agresti-Coull centre keeps the error above 0 where nothing, or everything, was hit.
    floor = (counted.sum() + 2) / (len(counted) + 4)
    spread = max(float(counted.std(ddof=1)), float(np.sqrt(floor * (1 - floor))) if is_binary(counted) else 0.0)
    return Share(float(counted.mean()), spread / float(np.sqrt(len(counted))))


def is_binary(values: np.ndarray) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are written as they print."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
