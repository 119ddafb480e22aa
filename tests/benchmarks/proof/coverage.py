"""How often an interval of 95% holds the truth, and how wide it is, by each of the three methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reports.stats.estimate import Estimate, Method
from reports.stats.moderated import PRIOR_DF, moderated_effect, prior_variance
from reports.stats.paired import paired_effect
from reports.stats.pooled import fit_two_way
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share

SIZES = ((6, 2), (6, 3), (6, 5), (10, 3))  # comparisons with one bare arm, seeds: the table of section 2.1
MODERATED_SIZE = (8, 3)  # where its prior weight was chosen
PRIOR_WEIGHTS = (1.0, 2.0, 4.0, 8.0)
TRUTH = 0.0

Estimator = Callable[[np.ndarray], list[Estimate]]
"""[num_cells, num_seeds] scores, bare first -> an estimate of every other cell minus bare."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one method over many data sets."""

    each: tuple[float, ...]  # share of data sets whose interval holds the truth, by comparison
    overall: Share  # the same over all comparisons; the error is between data sets
    half_width: float  # median, in sd of one run

    @property
    def span(self) -> str:
        """'.871 to .984': from the worst comparison to the best."""
        return f"{min(self.each):.3f} to {max(self.each):.3f}"


def by_pairs(scores: np.ndarray) -> list[Estimate]:
    """The paired t of each cell against the first."""
    return [paired_effect(row - scores[0]) for row in scores[1:]]


def by_pooling(scores: np.ndarray) -> list[Estimate]:
    """The two-way model over all cells."""
    fit = fit_two_way(scores)
    return [fit.effect(cell, 0) for cell in range(1, len(scores))]


def by_moderation(prior_df: float) -> Estimator:
    """The moderated t with this weight of the prior."""

    def estimates(scores: np.ndarray) -> list[Estimate]:
        differences = [row - scores[0] for row in scores[1:]]
        prior = prior_variance(differences)
        return [moderated_effect(one, prior, prior_df) for one in differences]

    return estimates


METHODS: dict[str, Estimator] = {
    Method.PAIRED: by_pairs,
    Method.POOLED: by_pooling,
    Method.MODERATED: by_moderation(PRIOR_DF),
}


def measure_coverage(
    estimators: Mapping[str, Estimator],
    num_datasets: int,
    num_comparisons: int,
    num_seeds: int,
    luck: Luck,
    rng: np.random.Generator,
) -> dict[str, Coverage]:
    """Draw data sets of cells that do not differ, and count the intervals that hold 0.

    Args:
        estimators: by name; all see the same data sets.
        num_datasets: to draw.
        num_comparisons: cells beside bare.
        num_seeds: of each cell.
        luck: how runs scatter.
        rng: to draw with.
    """
    held = {name: np.empty((num_datasets, num_comparisons)) for name in estimators}
    widths = {name: np.empty((num_datasets, num_comparisons)) for name in estimators}
    for dataset in range(num_datasets):
        scores = luck.draw(rng, num_comparisons + 1, num_seeds)
        for name, estimator in estimators.items():
            intervals = [estimate.interval() for estimate in estimator(scores)]
            held[name][dataset] = [TRUTH in interval for interval in intervals]
            widths[name][dataset] = [(interval.high - interval.low) / 2 for interval in intervals]
    return {
        name: Coverage(tuple(held[name].mean(axis=0)), share(held[name].mean(axis=1)), float(np.median(widths[name])))
        for name in estimators
    }


def section(num_datasets: int, seed: int) -> str:
    """Both tables: equal and unequal spread."""
    rng = np.random.default_rng(seed)
    settings = [(size, Luck(unequal=unequal)) for unequal in (False, True) for size in SIZES]
    settings += [((6, num_seeds), luck) for num_seeds in (3, 5) for luck in (Luck(0.0), Luck(tails="heavy"))]
    rows = []
    for (num_comparisons, num_seeds), luck in settings:
        found = measure_coverage(METHODS, num_datasets, num_comparisons, num_seeds, luck, rng)
        for method in METHODS:
            one = found[method]
            rows.append((num_comparisons, num_seeds, luck.name, method, one.overall, one.span, f"{one.half_width:.2f}"))
    columns = (
        "comparisons", "seeds", "luck", "method", "coverage of 95%", "by comparison, worst to best",
        "half-width (median, sd)",
    )  # fmt: skip
    return f"{num_datasets:,} data sets a row.\n\n{markdown(columns, rows)}"


def moderated_section(num_datasets: int, seed: int) -> str:
    """The weight of the prior, again."""
    rng = np.random.default_rng(seed)
    estimators = {f"{weight:g}": by_moderation(weight) for weight in PRIOR_WEIGHTS}
    rows = []
    for luck in (Luck(), Luck(unequal=True), Luck(tails="heavy")):
        found = measure_coverage(estimators, num_datasets, *MODERATED_SIZE, luck, rng)
        rows += [(weight, luck.name, one.overall, one.span, f"{one.half_width:.2f}") for weight, one in found.items()]
    columns = ("d0", "luck", "coverage of 95%", "by comparison, worst to best", "half-width (median, sd)")
    comparisons, seeds = MODERATED_SIZE
    return (
        f"{comparisons} comparisons, {seeds} seeds, {num_datasets:,} data sets a row; the code has "
        f"d0 = {PRIOR_DF:g}.\n\n{markdown(columns, rows)}"
    )
