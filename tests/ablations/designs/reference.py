"""The numbers that these tests check against, and the slow and obvious way to apply a contrast."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ablations.designs import Group, Layout, plain_groups
from pipeline.spec.study import Comparison

# Reference case R5: two seeds of the 2^3 factorial, by the switches that are on.
R5: dict[str, tuple[float, float]] = {
    "": (90.0, 90.2),
    "c": (90.9, 91.2),
    "b": (91.1, 91.4),
    "bc": (92.3, 92.2),
    "a": (91.0, 91.3),
    "ac": (92.1, 92.0),
    "ab": (91.2, 91.6),
    "abc": (92.4, 92.3),
}
R5_MEAN = {frozenset(on): float(np.mean(scores)) for on, scores in R5.items()}
ABC = plain_groups("abc")

# The example of the specification: a scaler that needs fp16, two mixes that exclude each other, and label smoothing.
NESTED = (
    Group("fp16", ("fp16",)),
    Group("scaler", ("scaler",), needs=("fp16",)),
    Group("mix", ("mixup", "cutmix")),
    Group("ls", ("ls",)),
)


def value_of(layout: Layout, comparison: Comparison, score: Callable[[frozenset[str]], float]) -> float:
    """The comparison's estimate if every arm scored what its switches say."""
    factors = {cell.name: frozenset(cell.factors) for cell in layout.cells}
    return sum(weight * score(factors[arm]) for arm, weight in comparison.contrast.items())


def values(layout: Layout, context: str, score: Mapping[frozenset[str], float]) -> dict[str, float]:
    """Factor -> estimate, of all comparisons in a context."""
    return {c.factor: value_of(layout, c, score.__getitem__) for c in layout.comparisons if c.context == context}


def signs(layout: Layout, switches: Sequence[str]) -> np.ndarray:
    """[num_cells, num_switches] of -1 and +1."""
    return np.array([[1 if switch in cell.factors else -1 for switch in switches] for cell in layout.cells])
