"""The exact sign-flip test: were the signs of the differences luck?

It assumes only that each difference is as likely to be above 0 as below, so it backs up a t-test that assumes more.
Its price is coarseness: with n seeds no p-value is below 2 / 2^n, so with few seeds it cannot answer at all.
"""

import numpy as np

MIN_SEEDS = 6  # 2 / 2^5 is .0625: below 6 seeds not even one comparison can reach .05
MAX_SEEDS = 22  # 2^21 sums of 8 bytes


def smallest_p(num_seeds: int) -> float:
    """The p-value of differences that all have the same sign."""
    return 2.0 / 2.0**num_seeds


def can_reach(alpha: float, num_seeds: int, num_comparisons: int = 1) -> bool:
    """Whether the test is worth showing: it could fall below `alpha` also in the first step of Holm's correction."""
    return MIN_SEEDS <= num_seeds <= MAX_SEEDS and smallest_p(num_seeds) * num_comparisons < alpha


def sign_flip_p(differences: np.ndarray) -> float:
    """Two-sided p-value: the share of all 2^n sign patterns whose mean is at least as far from 0.

    Args:
        differences: [num_seeds] treatment minus reference, one per common seed.
    """
    if not 1 <= len(differences) <= MAX_SEEDS:
        raise ValueError(
            f"an exact sign-flip test takes 1 to {MAX_SEEDS} differences, but got {len(differences)}; with more, "
            "use the t-test"
        )
    # A pattern and its mirror image are equally far from 0, so the first sign can stay as it is.
    sums = np.array([float(differences[0])])
    for difference in differences[1:]:
        sums = np.concatenate([sums + difference, sums - difference])
    observed = abs(float(np.sum(differences)))
    rounding = 1e-12 * float(np.sum(np.abs(differences)))
    return float(np.mean(np.abs(sums) >= observed - rounding))
