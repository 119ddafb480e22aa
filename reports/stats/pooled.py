"""The pooled two-way model: score = cell + seed + noise, with one noise level for all cells.

Pooling raises the degrees of freedom from n - 1 to (C - 1)(n - 1), at the price of assuming that every cell
scatters alike. It is also the model of a factorial design.
"""

from dataclasses import dataclass

import numpy as np

from reports.stats.estimate import Estimate, Method


@dataclass(frozen=True, slots=True)
class TwoWayFit:
    """Least squares of scores on cell and seed dummies.

    `covariance_unscaled` is the pseudo-inverse of X'X: times `mse` it is the covariance of `coefficients`, whose
    first entries are the cells'.
    """

    observed: np.ndarray  # [num_cells, num_seeds] bool
    coefficients: np.ndarray  # [num_cells + num_seeds]
    covariance_unscaled: np.ndarray
    projection: np.ndarray  # onto the row space of X: what the data can tell apart
    mse: float
    df: int

    def can_compare(self, treatment: int, reference: int) -> bool:
        """Whether these two cells are connected through common seeds, with residuals left to judge by."""
        contrast = self._contrast(treatment, reference)
        return self.df > 0 and bool(np.allclose(self.projection @ contrast, contrast, atol=1e-8))

    def effect(self, treatment: int, reference: int) -> Estimate:
        """Cell `treatment` minus cell `reference`, both row indices of the scores."""
        if not self.can_compare(treatment, reference):
            raise ValueError(
                f"cells {treatment} and {reference} cannot be compared: {self.df} residual degrees of freedom, or no "
                "seed connects them; add seeds to both"
            )
        contrast = self._contrast(treatment, reference)
        variance = self.mse * float(contrast @ self.covariance_unscaled @ contrast)
        common = int(np.sum(self.observed[treatment] & self.observed[reference]))
        return Estimate(Method.POOLED, float(contrast @ self.coefficients), float(np.sqrt(variance)), self.df, common)

    def _contrast(self, treatment: int, reference: int) -> np.ndarray:
        contrast = np.zeros(len(self.coefficients))
        contrast[treatment], contrast[reference] = 1.0, -1.0
        return contrast


def fit_two_way(scores: np.ndarray) -> TwoWayFit:
    """Fit cell and seed effects. Dummies rather than means, so that a missing run costs only itself.

    Args:
        scores: [num_cells, num_seeds]; NaN where a run is missing.
    """
    observed = np.isfinite(scores)
    cells, seeds = np.nonzero(observed)
    num_cells, num_seeds = scores.shape
    design = np.zeros((len(cells), num_cells + num_seeds))
    design[np.arange(len(cells)), cells] = 1.0
    design[np.arange(len(cells)), num_cells + seeds] = 1.0
    values = scores[observed]
    inverse = np.linalg.pinv(design)
    coefficients = inverse @ values
    residuals = values - design @ coefficients
    df = len(values) - int(np.linalg.matrix_rank(design))
    mse = float(residuals @ residuals) / df if df > 0 else 0.0
    return TwoWayFit(observed, coefficients, inverse @ inverse.T, inverse @ design, mse, df)
