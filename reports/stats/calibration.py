"""How far stated confidence is from the share that is right, and how far it would be by chance alone.

The expected calibration error (ECE) is biased upwards: a perfectly calibrated model shows one above 0 too, and the
larger the fewer images there are. So it never stands without that null level, N and the bins.
"""

from dataclasses import dataclass

import numpy as np

NUM_BINS = 15  # Guo et al. 2017 (arXiv:1706.04599)


@dataclass(frozen=True, slots=True)
class Bins:
    """Images grouped by confidence; empty bins are left out."""

    counts: np.ndarray  # [num_bins]
    confidence: np.ndarray  # [num_bins] mean stated
    accuracy: np.ndarray  # [num_bins] share that is right

    @property
    def ece(self) -> float:
        """Mean gap, weighted by counts."""
        return float(self.counts @ np.abs(self.accuracy - self.confidence) / self.counts.sum())

    @property
    def mce(self) -> float:
        """Largest gap of any bin."""
        return float(np.max(np.abs(self.accuracy - self.confidence)))

    @property
    def squared_l2(self) -> float:
        """Mean squared gap, weighted by counts; biased upwards like the ECE."""
        return float(self.counts @ (self.accuracy - self.confidence) ** 2 / self.counts.sum())

    @property
    def debiased_squared_l2(self) -> float:
        """The squared gap less what sampling adds to it (Kumar et al. 2019, arXiv:1909.10155); may be below 0.

        A bin with one image says nothing about its own sampling variance, so nothing is taken off there.
        """
        noise = self.accuracy * (1 - self.accuracy) / np.maximum(self.counts - 1, 1)
        return float(self.counts @ ((self.accuracy - self.confidence) ** 2 - noise) / self.counts.sum())


@dataclass(frozen=True, slots=True)
class Stated:
    """Images in the order of their confidence."""

    confidence: np.ndarray  # [num_images] ascending, of the predicted class, 0..1
    correct: np.ndarray  # [num_images] 1 where right


def by_confidence(confidence: np.ndarray, correct: np.ndarray) -> Stated:
    """Sort once for every way of binning.

    Args:
        confidence: [num_images] of the predicted class, 0..1, in any order.
        correct: [num_images] 1 where right, in the same order.
    """
    order = np.argsort(confidence, kind="stable")
    return Stated(confidence[order], correct[order])


def equal_width_bins(stated: Stated, num_bins: int = NUM_BINS) -> Bins:
    """Bins of equal width over 0..1, closed on the right."""
    return _bins(stated, _width_starts(stated.confidence, num_bins))


def equal_mass_bins(stated: Stated, num_bins: int = NUM_BINS) -> Bins:
    """Bins with equally many images; where that cannot be, the first have one more."""
    return _bins(stated, _mass_starts(len(stated.confidence), num_bins))


@dataclass(frozen=True, slots=True)
class NullLevel:
    """Mean ECE of a perfectly calibrated model with these confidences."""

    equal_width: float
    equal_mass: float


def null_level(stated: Stated, rng: np.random.Generator, *, repeats: int, num_bins: int = NUM_BINS) -> NullLevel:
    """Draw whether each image is right from its own confidence, over and over.

    Args:
        stated: whose confidences to take; whether they were right plays no part.
        rng: what to draw with.
        repeats: how many data sets to draw.
        num_bins: of each scheme.
    """
    confidence = stated.confidence.astype(np.float32)
    hits = (rng.random((repeats, len(confidence)), dtype=np.float32) < confidence).view(np.uint8)
    levels: list[float] = []
    for starts in (_width_starts(confidence, num_bins), _mass_starts(len(confidence), num_bins)):
        right = np.add.reduceat(hits, starts, axis=1, dtype=np.int32)  # [repeats, num_bins]
        gaps = np.abs(right - np.add.reduceat(confidence, starts, dtype=np.float64))
        levels.append(float(gaps.sum(axis=1).mean() / len(confidence)))
    return NullLevel(*levels)


def _width_starts(ascending: np.ndarray, num_bins: int) -> np.ndarray:
    """Where the images of each bin that has any start."""
    starts = np.searchsorted(ascending, np.linspace(0, 1, num_bins + 1)[1:-1], side="right")
    return np.unique(np.concatenate([[0], starts[starts < len(ascending)]])).astype(int)


def _mass_starts(num_images: int, num_bins: int) -> np.ndarray:
    size, extra = divmod(num_images, num_bins)
    sizes = [size + 1] * extra + [size] * (num_bins - extra if size else 0)
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)


def _bins(stated: Stated, starts: np.ndarray) -> Bins:
    counts = np.diff(np.append(starts, len(stated.confidence)))
    return Bins(
        counts,
        np.add.reduceat(stated.confidence, starts, dtype=np.float64) / counts,
        np.add.reduceat(stated.correct, starts, dtype=np.float64) / counts,
    )
