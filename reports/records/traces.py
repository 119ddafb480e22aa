"""Whether two runs are one and the same, bit for bit: the trace of their training and what they predict."""

import numpy as np

from pipeline.spec.records import Curves
from reports.records.load import RunId, StudyData

Metrics = dict[str, float]


def same_trace(study: StudyData, one: RunId, other: RunId) -> bool:
    """Whether two finished runs trained alike in everything that both left behind.

    Compared are the final metrics, every series of the curves (losses, their terms, validation by epoch) and the
    stored validation predictions; times are not. The files are read only where all final metrics agree, which
    by chance they do not: among them is the likelihood, a mean over all images.

    Args:
        study: with the records of both runs.
        one: a run that finished.
        other: another one.
    """
    if one == other:
        return True
    if not same_metrics(study.records[one].metrics, study.records[other].metrics):
        return False
    return _same_series(study.curves(one), study.curves(other)) and _same_predictions(
        study.predictions(one), study.predictions(other)
    )


def same_metrics(one: Metrics, other: Metrics) -> bool:
    """Whether every metric that both have is equal to the last bit, and there is one.

    A factor that adds a term to the loss brings metrics of its own, which the other run cannot have.
    """
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)


def _same_series(one: Curves | None, other: Curves | None) -> bool:
    if one is None or other is None:
        return True
    return all(one.series[name] == other.series[name] for name in one.series.keys() & other.series.keys())


def _same_predictions(one: dict[str, np.ndarray] | None, other: dict[str, np.ndarray] | None) -> bool:
    if one is None or other is None:
        return True
    shared = [name for name in one.keys() & other.keys() if name.startswith("val/")]
    return all(_same_bits(one[name], other[name]) for name in shared)


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
