"""Least squares of named terms over cells that switch factors on and off, with the seeds as blocks.

The coding decides what a number means, so it is part of every answer:

- "-1/+1": an effect is twice the coefficient. A factor's is the average change from off to on over the others; that
  of two factors is half the difference of the one's effect with the other on and off.
- "0/1": an effect is the coefficient: the change from off to on where all others are off.

Terms that the cells cannot tell apart are named and left out, not shared out among each other as a pseudo-inverse
would do silently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.stats.estimate import Estimate, Method

Coding = Literal["-1/+1", "0/1"]
Term = tuple[str, ...]
"""Names of the factors multiplied: one for a main effect, two for a two-way interaction."""

MEAN = "the mean"


@dataclass(frozen=True, slots=True)
class Inestimable:
    """A term that these cells cannot estimate, and the terms it is mixed with.

    MEAN among them: it is the same in every cell. None at all: in 0/1 coding, its factors are never on together.
    """

    term: Term
    mixed_with: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TermsFit:
    """Effects of the terms that can be estimated, and the names of those that cannot.

    `mean` is the intercept, averaged over the seeds; None where it cannot be told from a term.
    """

    coding: Coding
    effects: dict[Term, Estimate]
    inestimable: tuple[Inestimable, ...]
    mean: float | None
    mse: float
    df: int


def fit_terms(
    scores: np.ndarray, on: np.ndarray, factors: Sequence[str], terms: Sequence[Term], coding: Coding = "-1/+1"
) -> TermsFit:
    """Fit mean, terms and seeds.

    Args:
        scores: [num_cells, num_seeds]; NaN where a run is missing.
        on: [num_cells, num_factors] bool, which factors each cell switches on.
        factors: [num_factors] names.
        terms: to estimate, for instance ("mixup",) and ("mixup", "cutmix").
        coding: of off and on.

    Raises:
        ValueError: shapes that do not fit, a term of an unknown factor, or no residual degrees of freedom.
    """
    _check(scores, on, factors, terms)
    levels = np.where(on, 1.0, -1.0 if coding == "-1/+1" else 0.0)
    columns = {term: np.prod([levels[:, factors.index(name)] for name in term], axis=0) for term in terms}
    cells, seeds = np.nonzero(np.isfinite(scores))
    num_seeds = scores.shape[1]
    # Seeds in deviations from their mean, so that the intercept is an average over the seeds and not the first one's.
    blocks = np.eye(num_seeds)[:, : num_seeds - 1] - np.eye(num_seeds)[:, num_seeds - 1 :]
    by_cell = np.column_stack([np.ones(len(on)), *columns.values()])
    design = np.column_stack([by_cell[cells], blocks[seeds]])
    values = scores[cells, seeds]
    inverse = np.linalg.pinv(design)
    coefficients = inverse @ values
    df = len(values) - int(np.linalg.matrix_rank(design))
    if df <= 0:
        raise ValueError(
            f"{len(values)} runs leave no residual degrees of freedom for {len(terms)} terms and {num_seeds} seeds; "
            "leave out the interactions of most factors, or add seeds"
        )
    mse = float(np.sum((values - design @ coefficients) ** 2)) / df
    unscaled = inverse @ inverse.T
    projection = inverse @ design  # onto the row space: a term can be estimated if its own axis lies in it
    names = (MEAN, *(" x ".join(term) for term in terms))
    per_effect = 2.0 if coding == "-1/+1" else 1.0
    effects: dict[Term, Estimate] = {}
    inestimable: list[Inestimable] = []
    for index, term in enumerate(columns, start=1):
        mixed = _mixed_with(projection, index, names)
        if mixed is not None:
            inestimable.append(Inestimable(term, mixed))
            continue
        error = float(np.sqrt(mse * unscaled[index, index]))
        effects[term] = Estimate(
            Method.POOLED, per_effect * float(coefficients[index]), per_effect * error, df, num_seeds
        )
    mean = float(coefficients[0]) if _mixed_with(projection, 0, names) is None else None
    return TermsFit(coding, effects, tuple(inestimable), mean, mse, df)


def _mixed_with(projection: np.ndarray, index: int, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of the other terms that this one cannot be told from; None where it can be estimated."""
    unit = np.zeros(len(projection))
    unit[index] = 1.0
    off = np.abs(projection[index] - unit) > 1e-8
    if not off.any():
        return None
    return tuple(name for other, name in enumerate(names) if other != index and off[other])


def _check(scores: np.ndarray, on: np.ndarray, factors: Sequence[str], terms: Sequence[Term]) -> None:
    if scores.ndim != 2 or on.shape != (len(scores), len(factors)):
        raise ValueError(
            f"scores {list(scores.shape)} and switches {list(on.shape)} do not fit {len(factors)} factors; expected "
            "[num_cells, num_seeds] and [num_cells, num_factors]"
        )
    if len(set(terms)) != len(terms):
        raise ValueError(f"terms must differ, but got {[' x '.join(term) for term in terms]}")
    if unknown := [name for term in terms for name in term if name not in factors]:
        raise ValueError(f"terms name {unknown}, but the factors are {list(factors)}")
