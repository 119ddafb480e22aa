"""Where a curve falls most steeply, if it clearly falls anywhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import savgol_filter
from scipy.stats import t as student

WINDOW_FRAC = 0.15  # of the curve's points in a straight line's window
MIN_WINDOW = 7  # points: a line leaves five degrees of freedom
ALPHA = 0.01  # that a curve of nothing but noise has a clear descent anywhere


@dataclass(frozen=True, slots=True)
class Descent:
    """A curve, smoothed, and its steepest clear descent."""

    smooth: tuple[float, ...]  # [n] the value of the window's line at its middle; at the ends, of the end window's line
    lowest: int  # index of the lowest smoothed value
    steepest: int | None  # index of the steepest clear descent; None: there is none
    slope: float | None  # there, per unit of x


def steepest_descent(x: ArrayLike, y: ArrayLike) -> Descent | None:
    """Straight lines by least squares in a moving window (Savitzky & Golay 1964, degree 1).

    A window's line falls clearly when its slope is below zero by a one-sided t test on its own residuals, at ALPHA
    over the number of windows (Bonferroni). Of these windows the one with the steepest line counts, among those whose
    middle lies lower than the smoothed curve has been before: any other only falls back from a leap.

    Args:
        x: [n] evenly spaced and rising.
        y: [n] finite.

    Returns:
        None for fewer points than one window.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    n = len(ys)
    if n < MIN_WINDOW:
        return None
    window = min(max(MIN_WINDOW, round(WINDOW_FRAC * n)) | 1, n - 1 + n % 2)
    half, step = window // 2, (xs[-1] - xs[0]) / (n - 1)
    smooth = np.asarray(savgol_filter(ys, window, 1))
    slopes = np.asarray(savgol_filter(ys, window, 1, deriv=1, delta=step))
    offsets = step * (np.arange(window) - half)
    inner = np.arange(half, n - half)
    parts = np.lib.stride_tricks.sliding_window_view(ys, window)
    residuals = parts - smooth[inner, None] - slopes[inner, None] * offsets
    errors = np.sqrt((residuals**2).sum(axis=1) / (window - 2) / (offsets**2).sum())
    clear = slopes[inner] < -student.isf(ALPHA / len(inner), window - 2) * errors
    lowest = int(np.argmin(smooth))
    found = inner[clear & (smooth <= np.minimum.accumulate(smooth))[inner]]
    steepest = int(found[np.argmin(slopes[found])]) if len(found) else None
    slope = None if steepest is None else float(slopes[steepest])
    return Descent(tuple(smooth.tolist()), lowest, steepest, slope)
