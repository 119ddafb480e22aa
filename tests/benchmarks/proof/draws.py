"""Scores of runs that never were: cell + seed + luck, with the spread of one run as the unit."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

SPREADS = (0.5, 2.0)
"""Unequal spread: the cells' sd from half to double that of bare, the range of STATISTICS.md section 2.1."""


@dataclass(frozen=True, slots=True)
class Luck:
    """How runs scatter around their cell's true score. Every cell has variance 1 where `unequal` is False."""

    correlation: float = 0.3  # of two cells over seeds, where their spread is equal
    tails: Literal["normal", "heavy"] = "normal"  # heavy: Student's t with 3 degrees of freedom, scaled to variance 1
    unequal: bool = False  # the first cell has sd 1, the others SPREADS in equal ratios

    def draw(self, rng: np.random.Generator, num_cells: int, num_seeds: int) -> np.ndarray:
        """[num_cells, num_seeds] scores of cells that do not differ."""
        shared = np.sqrt(self.correlation) * self._unit(rng, (1, num_seeds))
        own = np.sqrt(1 - self.correlation) * self._unit(rng, (num_cells, num_seeds))
        return self._sds(num_cells)[:, None] * (shared + own)

    @property
    def name(self) -> str:
        """'normal, r = 0.3'."""
        return f"{self.tails}{', unequal spread' if self.unequal else ''}, r = {self.correlation:g}"

    def _unit(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return rng.standard_normal(shape) if self.tails == "normal" else rng.standard_t(3, shape) / np.sqrt(3)

    def _sds(self, num_cells: int) -> np.ndarray:
        return np.array([1.0, *np.geomspace(*SPREADS, num_cells - 1)]) if self.unequal else np.ones(num_cells)
