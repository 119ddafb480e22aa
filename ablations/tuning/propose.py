"""The values of the next trial: a function of the space, the seed, the trial's number and what is known. No state.

A search that was killed therefore goes on as it would have: nothing but the trials and their scores is needed.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablations.tuning.history import TrialSoFar
from ablations.tuning.ranges import shorten
from ablations.tuning.tpe import ask_tpe
from pipeline.spec.base import canonical_json, derive_seed
from pipeline.spec.tuning import (
    AnyRange,
    AnySearch,
    Choice,
    GridSearch,
    Integer,
    LogUniform,
    TpeSearch,
    Uniform,
)

MAX_DRAWS = 200  # before a space counts as used up

Space = Mapping[str, AnyRange]


def propose(
    space: Space,
    search: AnySearch,
    trials: Sequence[TrialSoFar],
    seconds: bool = False,
    earlier: Sequence[TrialSoFar] = (),
) -> dict[str, Any] | None:
    """The values to try next, unlike those of every earlier trial; None where the space is used up.

    Args:
        space: dotted path -> range.
        search: how to look.
        trials: all so far, in their order.
        seconds: whether less training time is an objective beside the metric.
        earlier: trials of other searches in this space, which an estimator learns from.
    """
    tried = {_spelled(trial.values) for trial in trials}
    if isinstance(search, GridSearch):
        return next((point for point in grid_points(space, search) if _spelled(point) not in tried), None)
    number = len(trials)
    if isinstance(search, TpeSearch):
        point = ask_tpe(space, search, trials, seconds, earlier)
        if _spelled(point) not in tried:
            return point
    for attempt in range(MAX_DRAWS):
        point = draw(space, np.random.default_rng(derive_seed(search.seed, "trial", number, attempt)))
        if _spelled(point) not in tried:
            return point
    return None


def grid_points(space: Space, search: GridSearch) -> list[dict[str, Any]]:
    """Every combination once, shuffled by the seed."""
    axes = [_along(found, search.points) for found in space.values()]
    points = [dict(zip(space, values, strict=True)) for values in itertools.product(*axes)]
    order = np.random.default_rng(derive_seed(search.seed, "grid")).permutation(len(points))
    return [points[index] for index in order]


def _along(found: AnyRange, points: int) -> list[Any]:
    """Evenly spread values of a range, both ends included."""
    match found:
        case Choice():
            return list(found.values)
        case Uniform():
            return [shorten(value, found) for value in np.linspace(found.low, found.high, points)]
        case LogUniform():
            return [shorten(value, found) for value in np.geomspace(found.low, found.high, points)]
        case Integer():
            spread = np.geomspace if found.log else np.linspace
            return sorted({round(float(value)) for value in spread(found.low, found.high, points)})


def draw(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    """A point of the space, each value drawn by itself."""
    return {path: _draw(found, rng) for path, found in space.items()}


def _draw(found: AnyRange, rng: np.random.Generator) -> Any:
    match found:
        case Choice():
            return found.values[int(rng.integers(len(found.values)))]
        case Uniform():
            return shorten(rng.uniform(found.low, found.high), found)
        case LogUniform():
            return shorten(np.exp(rng.uniform(np.log(found.low), np.log(found.high))), found)
        case Integer(log=True):
            # Half a step beyond each end, so that the ends are as likely as their neighbours.
            drawn = np.exp(rng.uniform(np.log(found.low - 0.5), np.log(found.high + 0.5)))
            return min(found.high, max(found.low, round(float(drawn))))
        case Integer():
            return int(rng.integers(found.low, found.high, endpoint=True))


def _spelled(values: Mapping[str, Any]) -> str:
    return canonical_json(dict(values))
