"""McNemar's test: of the images on which two checkpoints disagree, does either win more than a fair coin would?

It speaks about these checkpoints on new images. Whether it also speaks about the strategies that trained them is
for `reports.stats.overdispersion` to say: two runs of one and the same arm disagree too.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.stats.estimate import Interval


@dataclass(frozen=True, slots=True)
class Flips:
    """Images whose answer changed from the reference to the treatment, out of `num_images`."""

    fixed: int
    broken: int
    num_images: int

    @property
    def p(self) -> float:
        """Two-sided exact p-value: binomial, one half. 1 where nothing flipped."""
        flipped = self.fixed + self.broken
        return min(1.0, 2 * float(stats.binom.cdf(min(self.fixed, self.broken), flipped, 0.5))) if flipped else 1.0

    def __add__(self, other: "Flips") -> "Flips":
        return Flips(self.fixed + other.fixed, self.broken + other.broken, self.num_images + other.num_images)


def count_flips(treatment: np.ndarray, reference: np.ndarray) -> Flips:
    """Compare two checkpoints on the same images.

    Args:
        treatment: [num_images] uint8, 1 where right.
        reference: [num_images] the same images in the same order.

    Raises:
        ValueError: the two have different numbers of images.
    """
    if treatment.shape != reference.shape:
        raise ValueError(f"flips need the same images, but got {treatment.shape} and {reference.shape}")
    fixed, broken = np.count_nonzero(treatment > reference), np.count_nonzero(treatment < reference)
    return Flips(int(fixed), int(broken), len(treatment))


@dataclass(frozen=True, slots=True)
class QuasiEffect:
    """Difference in accuracy (a fraction) from flips pooled over seeds, widened by how much runs differ anyway."""

    difference: float
    standard_error: float
    df: float

    @property
    def p(self) -> float:
        """Two-sided p-value of no difference; 1 where nothing flipped."""
        if self.standard_error == 0:
            return 1.0
        return float(2 * stats.t.sf(abs(self.difference) / self.standard_error, self.df))

    @property
    def interval95(self) -> Interval | None:
        """None where nothing flipped, so that the interval would be one point."""
        if self.standard_error == 0:
            return None
        half_width = float(stats.t.ppf(0.975, self.df)) * self.standard_error
        return Interval(self.difference - half_width, self.difference + half_width)


def quasi_mcnemar(flips: Flips, phi: float, df: float) -> QuasiEffect:
    """The flips' own variance times max(1, phi), with Student's t in the place of the normal.

    Args:
        flips: summed over seeds, so that `num_images` counts image by seed.
        phi: overdispersion of runs of one arm.
        df: degrees of freedom that `phi` was estimated with.
    """
    total, net = flips.num_images, flips.fixed - flips.broken
    variance = max(0.0, flips.fixed + flips.broken - net * net / total) / total**2
    return QuasiEffect(net / total, float(np.sqrt(variance * max(1.0, phi))), df)
