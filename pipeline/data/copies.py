"""Several copies of one sample in an epoch, told apart by the keys of their random draws."""

import numpy as np

COPY = np.uint64(0x9E3779B97F4A7C15)  # odd, so that the keys of 2^64 copies of a sample differ
STRONG = np.uint64(0xBF58476D1CE4E5B9)  # the same for the second view of an unlabelled image; no multiple of COPY


def copy_numbers(order: np.ndarray) -> np.ndarray:
    """[n] uint64: how often each entry has occurred before in the order."""
    by_sample = np.argsort(order, kind="stable")
    starts = np.flatnonzero(np.diff(order[by_sample], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    numbers = np.empty(len(order), dtype=np.uint64)
    numbers[by_sample] = np.arange(len(order)) - np.repeat(starts, lengths)
    return numbers
