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
        return self.can_estimate(self._difference(treatment, reference))

    def effect(self, treatment: int, reference: int) -> Estimate:
        """Cell `treatment` minus cell `reference`, both row indices of the scores."""
        return self.contrast(self._difference(treatment, reference))

    def can_estimate(self, weights: np.ndarray) -> bool:
        """Whether the seeds that ran tell this weighted sum of cells from luck, with residuals left to judge by.

        Args:
            weights: [num_cells], adding up to 0.
        """
        contrast = self._padded(weights)
        return self.df > 0 and bool(np.allclose(self.projection @ contrast, contrast, atol=1e-8))

    def contrast(self, weights: np.ndarray) -> Estimate:
        """A weighted sum of cells, with standard error sqrt(MSE * w' (X'X)^- w).

        Its `num_seeds` are those that both cells of a difference have. A sum of more cells may lack one run here
        and another there, so it counts the seeds of a complete study that would be worth as much.

        Args:
            weights: [num_cells], adding up to 0.

        Raises:
            ValueError: the seeds that ran cannot tell it.
        """
        cells = np.flatnonzero(weights)
        if not self.can_estimate(weights):
            raise ValueError(
                f"cells {', '.join(map(str, cells))} cannot be compared: {self.df} residual degrees of freedom, or no "
                "seed connects them; add seeds to all of them"
            )
        contrast = self._padded(weights)
        unscaled = float(contrast @ self.covariance_unscaled @ contrast)
        common = int(np.sum(self.observed[cells].all(axis=0)))
        num_seeds = common if len(cells) == 2 else max(1, round(float(weights @ weights) / unscaled))
        effect = float(contrast @ self.coefficients)
        return Estimate(Method.POOLED, effect, float(np.sqrt(self.mse * unscaled)), self.df, num_seeds)

    def level(self, weights: np.ndarray) -> Estimate | None:
        """A weighted mean of cells, averaged over the seeds in hand; None where some of it was never seen.

        The seeds are fixed here: what all cells share with a seed is no part of the standard error, so levels of one
        fit can be looked at beside each other. None of it speaks about other seeds.

        Args:
            weights: [num_cells], adding up to 1.
        """
        num_seeds = self.observed.shape[1]
        contrast = np.concatenate([weights, np.full(num_seeds, 1 / num_seeds)])
        if self.df <= 0 or not np.allclose(self.projection @ contrast, contrast, atol=1e-8):
            return None
        error = float(np.sqrt(self.mse * (contrast @ self.covariance_unscaled @ contrast)))
        return Estimate(Method.POOLED, float(contrast @ self.coefficients), error, self.df, num_seeds)

    def _difference(self, treatment: int, reference: int) -> np.ndarray:
        weights = np.zeros(len(self.observed))
        weights[treatment], weights[reference] = 1.0, -1.0
        return weights

    def _padded(self, weights: np.ndarray) -> np.ndarray:
        return np.concatenate([weights, np.zeros(len(self.coefficients) - len(weights))])


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
