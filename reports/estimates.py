"""From records to estimates: which seeds two arms share, and each method's view of their difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.spec.errors import RecordError
from pipeline.spec.study import Comparison
from reports.load import StudyData
from reports.scale import Scale
from reports.stats.estimate import Estimate, Method
from reports.stats.moderated import moderated_effect, prior_variance
from reports.stats.paired import paired_effect
from reports.stats.pooled import TwoWayFit, fit_two_way
from reports.traces import Metrics, same_metrics, same_trace

PairKey = tuple[str, str]
"""Stage hashes of treatment and reference: two comparisons with the same runs are one test."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms over the seeds that both finished, in display units."""

    key: PairKey
    seeds: tuple[int, ...]
    treatment: np.ndarray  # [num_seeds]
    reference: np.ndarray  # [num_seeds]
    identical_seeds: tuple[int, ...]  # of `seeds`: those in which the two arms trained bit for bit alike
    seeds_do_nothing: bool  # one of the arms has the same metrics, bit for bit, with every seed

    @property
    def differences(self) -> np.ndarray:
        """[num_seeds] treatment minus reference."""
        return self.treatment - self.reference

    @property
    def identical(self) -> bool:
        """Whether the two arms trained bit for bit alike in every seed they share, and there is one."""
        return bool(self.seeds) and self.identical_seeds == self.seeds

    @property
    def informative(self) -> bool:
        """Whether its spread says something about luck."""
        return len(self.seeds) >= 2 and not self.identical and not self.seeds_do_nothing


def pair_key(study: StudyData, comparison: Comparison) -> PairKey:
    """What makes two comparisons the same test."""
    plan = study.plan
    return (plan.arm(comparison.treatment).final.stage_hash, plan.arm(comparison.reference).final.stage_hash)


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


def make_pair(study: StudyData, key: PairKey, scale: Scale) -> Pair:
    """Line up two arms by seed."""
    seeds = tuple(seed for seed in study.plan.seeds if all(study.finished((stage, seed)) for stage in key))
    treatment, reference = ([study.records[stage, seed].metrics for seed in seeds] for stage in key)
    return Pair(
        key=key,
        seeds=seeds,
        treatment=np.array([score(study, key[0], seed, scale) for seed in seeds], dtype=float),
        reference=np.array([score(study, key[1], seed, scale) for seed in seeds], dtype=float),
        identical_seeds=tuple(seed for seed in seeds if same_trace(study, (key[0], seed), (key[1], seed))),
        seeds_do_nothing=len(seeds) > 1 and (_all_equal(treatment) or _all_equal(reference)),
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
    """What the planned comparisons of factors share: their differences, and the cells they are made of."""

    keys: tuple[PairKey, ...]
    pairs: dict[PairKey, Pair]
    prior: float | None  # of the moderated t; None where no comparison has two seeds
    cells: CellFit


def make_family(study: StudyData, scale: Scale) -> Family:
    """Everything that methods borrow from other comparisons. Controls lend nothing.

    A placebo or mislabelled arm checks the instrument; letting it shape the variance that factors are judged by
    would let the check disturb what it checks.
    """
    keys = tuple(dict.fromkeys(pair_key(study, c) for c in study.plan.comparisons if not c.control))
    pairs = {key: make_pair(study, key, scale) for key in keys}
    informative = [pair.differences for pair in pairs.values() if pair.informative]
    prior = prior_variance(informative) if informative else None
    return Family(keys, pairs, prior, fit_cells(study, [stage for key in keys for stage in key], scale))


def estimate_all(study: StudyData, family: Family, pair: Pair, scale: Scale) -> dict[Method, Estimate]:
    """Every method that the data of this pair allow, in the direction measured."""
    found: dict[Method, Estimate] = {}
    if len(pair.seeds) >= 2:
        found[Method.PAIRED] = paired_effect(pair.differences)
        if family.prior is not None:
            found[Method.MODERATED] = moderated_effect(pair.differences, family.prior)
    cells = family.cells
    if not set(pair.key) <= cells.row_of.keys():  # a control brings its own cell, for its own estimate only
        cells = fit_cells(study, [*cells.row_of, *pair.key], scale)
    rows = [cells.row_of.get(stage) for stage in pair.key]
    if pair.seeds and None not in rows and rows[0] != rows[1]:
        treatment, reference = (row for row in rows if row is not None)
        if cells.fit.can_compare(treatment, reference):
            found[Method.POOLED] = cells.fit.effect(treatment, reference)
    return found


def _copies(one: list[Metrics | None], other: list[Metrics | None]) -> bool:
    """Of two arms that finished the same seeds: whether their metrics are equal in each."""
    return all(a is None or b is None or same_metrics(a, b) for a, b in zip(one, other, strict=True))


def _all_equal(metrics: list[dict[str, float]]) -> bool:
    return all(entry == metrics[0] for entry in metrics)
