"""Adding seeds because the answer was not clear yet: what it does to false positives and to coverage, by each rule."""

from collections.abc import Callable, Sequence

import numpy as np

from reports.stats.estimate import Estimate
from reports.stats.looks import constant_alpha
from reports.stats.paired import paired_effect
from reports.stats.two_stage import seeds_for, two_stage_estimate
from tests.benchmarks.proof.shares import Share, markdown, share

FROM_3_TO_10 = tuple(range(3, 11))
NAIVE = (FROM_3_TO_10, (3, 5, 10), (3, 4, 5))
DECLARED = ((3, 5, 10), FROM_3_TO_10)
ALPHA = 0.05
HALF_WIDTHS_SD = (1.5, 1.0, 0.8)
FIRST_STAGE = 3
MAX_SEEDS = 1_000

Rule = Callable[[float, np.ndarray], Estimate]
"""Wanted half-width, differences in the order in which they would come -> the estimate at which it stops."""


def false_positives(looks: Sequence[int], alpha: float, num_datasets: int, rng: np.random.Generator) -> Share:
    """How often differences without an effect are called one at any of the looks.

    Args:
        looks: numbers of seeds at which the p-value is read, ascending.
        alpha: level at every look.
        num_datasets: to draw.
        rng: to draw with.
    """
    drawn = rng.standard_normal((num_datasets, looks[-1]))
    return share([any(paired_effect(row[:seeds]).p < alpha for seeds in looks) for row in drawn])


def two_stage(half_width: float, differences: np.ndarray) -> Estimate:
    """Stein's rule: the first seeds decide how many there are, and lend their sd and degrees of freedom."""
    first = paired_effect(differences[:FIRST_STAGE])
    total = min(MAX_SEEDS, seeds_for(first.sd, FIRST_STAGE, half_width))
    return two_stage_estimate(first, float(differences[:total].mean()), total)


def narrow_enough(half_width: float, differences: np.ndarray) -> Estimate:
    """The ordinary interval as soon as it is as narrow as wanted."""
    for seeds in range(FIRST_STAGE, MAX_SEEDS):
        estimate = paired_effect(differences[:seeds])
        limits = estimate.interval()
        if (limits.high - limits.low) / 2 <= half_width:
            return estimate
    return paired_effect(differences)


def covered(rule: Rule, half_width: float, num: int, rng: np.random.Generator) -> Share:
    """How often the interval at which a rule stops holds the truth, which is 0."""
    return share([0.0 in rule(half_width, rng.standard_normal(MAX_SEEDS)).interval() for _ in range(num)])


def named(at: Sequence[int]) -> str:
    """'3, 5, 10'."""
    return "every seed from 3 to 10" if at == FROM_3_TO_10 else ", ".join(map(str, at))


def section(num_datasets: int, seed: int) -> str:
    """False positives of looking, then coverage of rules that ask for precision."""
    rng = np.random.default_rng(seed)
    schedules = [*((at, ALPHA) for at in NAIVE), *((at, constant_alpha(at)) for at in DECLARED)]
    looks = [(named(at), level, false_positives(at, level, num_datasets, rng)) for at, level in schedules]
    rules = [
        (name, half_width, covered(rule, half_width, num_datasets, rng))
        for name, rule in (("two stages (Stein)", two_stage), ("ordinary t, first time narrow enough", narrow_enough))
        for half_width in HALF_WIDTHS_SD
    ]
    return (
        f"One comparison without an effect, {num_datasets:,} data sets a row, normal differences with sd 1.\n\n"
        f"{markdown(('looks at', 'level of each look', 'false positives'), looks)}\n\n"
        f"From {FIRST_STAGE} seeds on, until the half-width is h or less:\n\n"
        f"{markdown(('rule', 'h, sd of a difference', 'coverage of 95%'), rules)}"
    )
