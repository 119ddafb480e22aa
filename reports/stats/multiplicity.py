"""p-values adjusted for having asked several questions at once."""

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down p-values (family-wise error), in the order given.

    Args:
        p_values: [num_tests].
    """
    order = np.argsort(p_values, kind="stable")
    num_tests = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (num_tests - np.arange(num_tests)))
    adjusted = np.empty(num_tests)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's step-up p-values (false discovery rate), in the order given.

    Args:
        p_values: [num_tests].
    """
    order = np.argsort(p_values, kind="stable")[::-1]
    num_tests = len(p_values)
    stepped = np.minimum.accumulate(p_values[order] * num_tests / (num_tests - np.arange(num_tests)))
    adjusted = np.empty(num_tests)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
