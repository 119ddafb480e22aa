"""From records to estimates: which seeds the arms of a comparison share, and each method's view of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.spec.errors import RecordError
from reports.analysis.contrast import NEGLIGIBLE, StageWeights, is_difference, squared_norm, stage_weights
from reports.records.load import StudyData
from reports.records.traces import Metrics, same_metrics, same_trace
from reports.scale import Scale
from reports.stats.estimate import Estimate, Method
from reports.stats.moderated import moderated_effect, moderated_two_way, prior_variance
from reports.stats.paired import paired_effect
from reports.stats.pooled import TwoWayFit, fit_two_way


@dataclass(frozen=True, slots=True)
class Contrast:
    """A weighted sum of arms over the seeds that all of them finished, in display units."""

    key: StageWeights
    seeds: tuple[int, ...]
    scores: np.ndarray  # [num_stages, num_seeds], in the order of `key`
    identical_seeds: tuple[int, ...]  # of `seeds`: those in which arms that trained bit for bit alike cancel out
    seeds_do_nothing: bool  # one of the arms has the same metrics, bit for bit, with every seed

    @property
    def weights(self) -> np.ndarray:
        """[num_stages]."""
        return np.array([weight for _, weight in self.key])

    @property
    def values(self) -> np.ndarray:
        """[num_seeds] what each seed says: of two arms, treatment minus reference."""
        return self.weights @ self.scores

    @property
    def treatment(self) -> np.ndarray:
        """[num_seeds] the side that is weighted above 0."""
        return self.weights.clip(min=0) @ self.scores

    @property
    def reference(self) -> np.ndarray:
        """[num_seeds] the side that is weighted below 0, turned."""
        return (-self.weights).clip(min=0) @ self.scores

    @property
    def identical(self) -> bool:
        """Whether the arms cancel out bit for bit in every seed they share, and there is one."""
        return bool(self.seeds) and self.identical_seeds == self.seeds

    @property
    def informative(self) -> bool:
        """Whether its spread says something about luck."""
        return len(self.seeds) >= 2 and not self.identical and not self.seeds_do_nothing

    @property
    def scale(self) -> float:
        """Standard deviation of one seed's value relative to that of a difference of two arms."""
        return float(np.sqrt(squared_norm(self.key) / 2))


def score(study: StudyData, stage_hash: str, seed: int, scale: Scale) -> float | None:
    """The validation score of a finished run in display units; None where there is none.

    Raises:
        RecordError: the run finished but has no such metric.
    """
    record = study.finished((stage_hash, seed))
    if record is None:
        return None
    name = f"val/{scale.name}"
    if name not in record.metrics:
        raise RecordError(
            f"run {record.key}: finished without the metric {name!r}, which decides this study; it has "
            f"{sorted(record.metrics)}. Remove its record so that it runs again."
        )
    return scale.shown(record.metrics[name])


def make_contrast(study: StudyData, key: StageWeights, scale: Scale) -> Contrast:
    """Line up the arms by seed."""
    stages = [stage for stage, _ in key]
    seeds = tuple(seed for seed in study.plan.seeds if all(study.finished((stage, seed)) for stage in stages))
    scores = [[score(study, stage, seed, scale) for seed in seeds] for stage in stages]
    metrics = ([study.records[stage, seed].metrics for seed in seeds] for stage in stages)
    return Contrast(
        key=key,
        seeds=seeds,
        scores=np.array(scores, dtype=float).reshape(len(stages), len(seeds)),
        identical_seeds=tuple(seed for seed in seeds if _cancels_out(study, key, seed, scale)),
        seeds_do_nothing=len(seeds) > 1 and any(_all_equal(one) for one in metrics),
    )


def score_matrix(study: StudyData, stages: Sequence[str], scale: Scale) -> np.ndarray:
    """[num_stages, num_seeds] scores, NaN where a run is missing."""
    rows = [[score(study, stage, seed, scale) for seed in study.plan.seeds] for stage in stages]
    return np.array(rows, dtype=float).reshape(len(stages), len(study.plan.seeds))


@dataclass(frozen=True, slots=True)
class CellFit:
    """The pooled model over distinct cells, and which of its rows a stage is."""

    fit: TwoWayFit
    row_of: dict[str, int]
    num_cells: int


def fit_cells(study: StudyData, stages: Sequence[str], scale: Scale) -> CellFit:
    """Fit the pooled model, counting cells whose runs are bit-identical once.

    A factor that does nothing repeats a cell; counted twice, the copy would add degrees of freedom without
    adding any information about luck.
    """
    row_of: dict[str, int] = {}
    kept: list[str] = []
    seen: list[list[Metrics | None]] = []
    rows_by_score: dict[tuple[float | None, ...], list[int]] = {}  # only arms with equal scores can be copies
    for stage in dict.fromkeys(stages):
        finished = [study.finished((stage, seed)) for seed in study.plan.seeds]
        metrics = [None if record is None else record.metrics for record in finished]
        if not any(metrics):
            continue
        alike = rows_by_score.setdefault(tuple(score(study, stage, seed, scale) for seed in study.plan.seeds), [])
        row = next((row for row in alike if _copies(seen[row], metrics)), None)
        if row is None:
            row = len(kept)
            alike.append(row)
            seen.append(metrics)
            kept.append(stage)
        row_of[stage] = row
    return CellFit(fit_two_way(score_matrix(study, kept, scale)), row_of, len(kept))


@dataclass(frozen=True, slots=True)
class Family:
    """What the declared comparisons share: their values by seed, and the cells they are made of."""

    keys: tuple[StageWeights, ...]
    contrasts: dict[StageWeights, Contrast]
    prior: float | None  # variance of a difference of two arms, for the moderated t; None before two seeds
    cells: CellFit


def make_family(study: StudyData, scale: Scale) -> Family:
    """Everything that methods borrow from other comparisons. Controls lend nothing.

    A placebo or mislabelled arm checks the instrument; letting it shape the variance that factors are judged by
    would let the check disturb what it checks. Arms that only exploratory comparisons use do belong to the cells.
    """
    factors = [comparison for comparison in study.plan.comparisons if not comparison.control]
    keys = tuple(dict.fromkeys(stage_weights(study.plan, c) for c in factors if not c.exploratory))
    contrasts = {key: make_contrast(study, key, scale) for key in keys}
    # A weighted sum scatters less or more than a difference of two arms; divided by its scale it is comparable.
    informative = [contrast.values / contrast.scale for contrast in contrasts.values() if contrast.informative]
    prior = prior_variance(informative) if informative else None
    used = [stage for comparison in factors for stage, _ in stage_weights(study.plan, comparison)]
    return Family(keys, contrasts, prior, fit_cells(study, used, scale))


def estimate_all(study: StudyData, family: Family, contrast: Contrast, scale: Scale) -> dict[Method, Estimate]:
    """Every method that the data of this contrast allow, in the direction measured."""
    found: dict[Method, Estimate] = {}
    if len(contrast.seeds) >= 2:
        found[Method.PAIRED] = paired_effect(contrast.values)
        if family.prior is not None:
            found[Method.MODERATED] = moderated_effect(contrast.values, family.prior * contrast.scale**2)
    stages = [stage for stage, _ in contrast.key]
    cells = family.cells
    if not set(stages) <= cells.row_of.keys():  # a control brings its own cell, for its own estimate only
        cells = fit_cells(study, [*cells.row_of, *stages], scale)
    if not set(stages) <= cells.row_of.keys() or (is_difference(contrast.key) and not contrast.seeds):
        return found
    weights = np.zeros(cells.num_cells)
    for stage, weight in contrast.key:
        weights[cells.row_of[stage]] += weight
    if np.abs(weights).max() > NEGLIGIBLE and cells.fit.can_estimate(weights):
        pooled = found[Method.POOLED] = cells.fit.contrast(weights)
        moderated = moderated_two_way(pooled, contrast.values)
        if not is_difference(contrast.key) and moderated.df < pooled.df:  # else it is the pooled one
            found[Method.MODERATED_TWO_WAY] = moderated
    return found


def _cancels_out(study: StudyData, key: StageWeights, seed: int, scale: Scale) -> bool:
    """Whether, with this seed, the weights of arms that trained bit for bit alike add up to 0."""
    # Only arms with equal scores can be alike, which spares most of the comparisons of whole traces.
    groups: dict[float | None, list[tuple[str, float]]] = {}
    for stage, weight in key:
        alike = groups.setdefault(score(study, stage, seed, scale), [])
        place = next((i for i, (first, _) in enumerate(alike) if same_trace(study, (stage, seed), (first, seed))), None)
        if place is None:
            alike.append((stage, weight))
        else:
            alike[place] = (alike[place][0], alike[place][1] + weight)
    return all(abs(total) <= NEGLIGIBLE for alike in groups.values() for _, total in alike)


def _copies(one: list[Metrics | None], other: list[Metrics | None]) -> bool:
    """Of two arms that finished the same seeds: whether their metrics are equal in each."""
    return all(a is None or b is None or same_metrics(a, b) for a, b in zip(one, other, strict=True))


def _all_equal(metrics: list[dict[str, float]]) -> bool:
    return all(entry == metrics[0] for entry in metrics)
