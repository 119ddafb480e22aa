"""The points of a reliability diagram: stated confidence against the share that is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.stats.calibration import Bins
from reports.stats.estimate import Interval
from reports.stats.proportion import wilson


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """One bin, averaged over seeds."""

    confidence: float
    accuracy: float
    interval95: Interval
    count: int


def reliability(seeds: Sequence[Bins]) -> tuple[ReliabilityPoint, ...]:
    """Average the same bin of every seed.

    All seeds answer the same images, so the Wilson interval counts the images of one seed: more seeds do not make
    it narrower.

    Args:
        seeds: equal-mass bins of each run, all over equally many images.

    Raises:
        ValueError: the runs have bins of different sizes.
    """
    if any(not np.array_equal(bins.counts, seeds[0].counts) for bins in seeds):
        raise ValueError("a reliability diagram averages equal bins, but the runs have different numbers of images")
    accuracy = np.mean([bins.accuracy for bins in seeds], axis=0)
    confidence = np.mean([bins.confidence for bins in seeds], axis=0)
    return tuple(
        ReliabilityPoint(float(c), float(a), wilson(float(a) * int(n), int(n)), int(n))
        for c, a, n in zip(confidence, accuracy, seeds[0].counts, strict=True)
    )
