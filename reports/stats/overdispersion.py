"""Do runs of one arm differ by more than the images explain?

Right or wrong by image and seed is a two-way table. Were runs of one arm exchangeable, the mean square between seeds
would equal the residual one; their ratio phi is above 1 where runs truly differ, and then a test over images takes
luck of the seed for an effect (simulated: 21 to 25% false positives where runs scatter by 0.3 pt).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Dispersion:
    """`phi` of runs of one arm, pooled over arms."""

    phi: float
    df: int

    @property
    def limit(self) -> float:
        """What phi stays below in 95% of studies whose runs do not truly differ: chi-squared over its df."""
        return float(stats.chi2.ppf(0.95, self.df)) / self.df

    @property
    def exceeds(self) -> bool:
        """Whether runs differ by more than the images explain."""
        return self.phi > self.limit


@dataclass(frozen=True, slots=True)
class SumsOfSquares:
    """Two-way analysis of variance of one arm, for each group of images."""

    seeds: np.ndarray  # [num_groups]
    residual: np.ndarray  # [num_groups]
    num_seeds: int
    group_sizes: np.ndarray  # [num_groups]


def sums_of_squares(correct: np.ndarray, starts: np.ndarray) -> SumsOfSquares:
    """Between seeds, and left over once seed and image are taken out.

    Args:
        correct: [num_seeds, num_images] uint8, 1 where right, with the images of a group side by side.
        starts: [num_groups] where each group starts, ascending from 0.
    """
    num_seeds, num_images = correct.shape
    sizes = np.diff(np.append(starts, num_images))
    by_seed = np.add.reduceat(correct, starts, axis=1, dtype=np.int64)  # [num_seeds, num_groups]
    by_image = correct.sum(axis=0, dtype=np.int64)
    total = by_seed.sum(axis=0)  # of zeros and ones, so the sum of squares as well
    correction = total**2 / (num_seeds * sizes)
    between_seeds = (by_seed**2).sum(axis=0) / sizes - correction
    between_images = np.add.reduceat(by_image**2, starts) / num_seeds - correction
    return SumsOfSquares(between_seeds, total - correction - between_images - between_seeds, num_seeds, sizes)


def pool_dispersion(arms: Sequence[SumsOfSquares]) -> tuple[Dispersion | None, ...]:
    """One dispersion per group of images; None where no arm shows any spread, or none has two seeds and two images.

    Squares are added up before they are divided: a small class in which one arm has no residual spread would
    otherwise make the ratio infinite.

    Args:
        arms: of different arms, each with the same groups.
    """
    counted = [arm for arm in arms if arm.num_seeds >= 2]
    if not counted:
        return (None,) * (len(arms[0].group_sizes) if arms else 0)
    df_seeds = sum(arm.num_seeds - 1 for arm in counted)
    df_residual = np.sum([(arm.num_seeds - 1) * (arm.group_sizes - 1) for arm in counted], axis=0)  # [num_groups]
    found: list[Dispersion | None] = []
    for group in range(len(counted[0].group_sizes)):
        residual = sum(float(arm.residual[group]) for arm in counted)
        if df_residual[group] == 0 or residual <= 1e-9:
            found.append(None)
            continue
        between = sum(float(arm.seeds[group]) for arm in counted) / df_seeds
        found.append(Dispersion(between / (residual / float(df_residual[group])), df_seeds))
    return tuple(found)
