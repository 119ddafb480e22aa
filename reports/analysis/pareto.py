"""Which arms are worth their training time: the front of level and cost, and how sure it is.

The time of an arm is its training images over its throughput in the exclusive block, so that longer schedules count
as well as slower steps. Stages that it needs, such as a teacher, count with their images: at the speed of the arm,
since only last stages are timed.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.spec.base import derive_seed
from pipeline.spec.study import Arm
from reports.analysis.arms import bare_arm
from reports.analysis.cost import widest_block
from reports.analysis.estimates import fit_cells
from reports.records.load import StudyData
from reports.results.in_depth import ParetoAnalysis, ParetoPoint
from reports.results.study import Range
from reports.scale import Scale, scale_of_metric
from reports.stats.pareto import FrontProbabilities, draw_means, front_probabilities, pareto_front
from reports.stats.pooled import TwoWayFit, fit_two_way

NUM_DRAWS = 10_000
SURE = 0.95


@dataclass(frozen=True, slots=True)
class _Levels:
    """Means of rows of a two-way table at the average column, with their joint covariance."""

    means: np.ndarray  # [num_rows]
    covariance: np.ndarray  # [num_rows, num_rows]
    df: int
    known: np.ndarray  # [num_rows] bool: what the table can tell apart

    @property
    def half_widths(self) -> np.ndarray | None:
        """[num_rows] of 95% intervals; None where there is no spread to judge by."""
        if not self.has_spread:
            return None
        return float(stats.t.ppf(0.975, self.df)) * np.sqrt(np.maximum(0.0, np.diag(self.covariance)))

    @property
    def has_spread(self) -> bool:
        """Whether there is a posterior to draw from."""
        return self.df > 0 and bool(np.any(np.diag(self.covariance) > 1e-24))


def analyse_pareto(study: StudyData) -> ParetoAnalysis | None:
    """Every arm of a factor that was both scored and timed; None below two of them."""
    scale = scale_of_metric(study.plan.metric)
    arms = _candidates(study)
    block = widest_block(study, (arm.final.stage_hash for arm in arms))
    if block is None:
        return None
    images = {arm.name: _training_images(study, arm) for arm in arms}
    kept = [arm for arm in arms if arm.final.stage_hash in block[1] and images[arm.name] is not None]
    if len(kept) < 2:
        return None
    levels, rows = _score_levels(study, kept, scale)
    kept_rows = [(arm, rows[arm.final.stage_hash]) for arm in kept if arm.final.stage_hash in rows]
    kept_rows = [(arm, row) for arm, row in kept_rows if levels.known[row]]
    if len(kept_rows) < 2:
        return None
    kept = [arm for arm, _ in kept_rows]
    stages = list(dict.fromkeys(arm.final.stage_hash for arm in kept))
    numbers = sorted({number for stage in stages for number in block[1][stage]})
    seconds = np.array(
        [[np.nan if n not in block[1][s] else 1.0 / block[1][s][n].images_per_s for n in numbers] for s in stages]
    )
    costs = _levels(fit_two_way(np.log(seconds)), len(stages))
    log_images = np.log([images[arm.name] or 1.0 for arm in kept])
    log_cost = costs.means[[stages.index(arm.final.stage_hash) for arm in kept]] + log_images
    bare = bare_arm(study)
    reference = kept.index(bare) if bare is not None and bare in kept else int(np.argmin(log_cost))
    turn = 1.0 if scale.higher_is_better else -1.0
    score_rows = np.array([row for _, row in kept_rows])
    cost_rows = np.array([stages.index(arm.final.stage_hash) for arm in kept])
    probabilities = _probabilities(study, levels, costs, score_rows, cost_rows, log_images, turn)
    front = pareto_front(log_cost, turn * levels.means[score_rows])
    points = tuple(
        ParetoPoint(
            arm=arm.name,
            value=float(levels.means[score_rows[i]]),
            value_ci95=_interval(levels, int(score_rows[i])),
            cost=float(np.exp(log_cost[i] - log_cost[reference])),
            cost_ci95=_cost_interval(costs, int(cost_rows[i]), float(log_images[i] - log_cost[reference])),
            num_failed=_num_failed(study, arm),
            on_front=bool(front[i]),
            p_front=None if probabilities is None else float(probabilities.on_front[i]),
            dominated_by=()
            if probabilities is None
            else tuple(kept[j].name for j in np.flatnonzero(probabilities.dominates[:, i] >= SURE)),
        )
        for i, arm in enumerate(kept)
    )
    left_out = tuple(arm.name for arm in arms if arm not in kept)
    return ParetoAnalysis(
        reference=kept[reference].name,
        block=block[0],
        points=points,
        left_out=left_out,
        sentence=_sentence(points),
    )


def _sentence(points: tuple[ParetoPoint, ...]) -> str:
    if points[0].p_front is None:
        names = [point.arm for point in points if point.on_front]
        return (
            f"As measured, {', '.join(names)} {'is' if len(names) == 1 else 'are'} on the front: no other arm is both "
            "better and cheaper to train. How sure that is takes two seeds and two timing rounds."
        )
    sure = [point.arm for point in points if point.mark == "solid"]
    perhaps = [point.arm for point in points if point.mark == "hollow"]
    parts = [f"on the front with at least 95% probability: {', '.join(sure) or 'none'}"]
    if perhaps:
        parts.append(f"with 50 to 95%: {', '.join(perhaps)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _candidates(study: StudyData) -> list[Arm]:
    """Arms that comparisons of factors are made of. Controls are no candidates."""
    names = {name for c in study.plan.comparisons if not c.control for name in c.contrast}
    return [arm for arm in study.plan.arms if arm.name in names]


def _num_failed(study: StudyData, arm: Arm) -> int:
    records = [study.records.get((arm.final.stage_hash, seed)) for seed in study.plan.seeds]
    return sum(record is not None and record.failure is not None for record in records)


def _training_images(study: StudyData, arm: Arm) -> float | None:
    """Of the arm and the stages that it needs: mean over the seeds in which all finished; None where no record says."""
    per_seed: list[float] = []
    for seed in study.plan.seeds:
        records = [study.finished((stage.stage_hash, seed)) for stage in arm.stages]
        seen = [record.cost.samples_seen for record in records if record is not None and record.cost is not None]
        if len(seen) == len(records) and min(seen) > 0:
            per_seed.append(float(sum(seen)))
    return float(np.mean(per_seed)) if per_seed else None


def _score_levels(study: StudyData, arms: list[Arm], scale: Scale) -> tuple[_Levels, dict[str, int]]:
    cells = fit_cells(study, [arm.final.stage_hash for arm in arms], scale)
    return _levels(cells.fit, cells.num_cells), cells.row_of


def _levels(fit: TwoWayFit, num_rows: int) -> _Levels:
    num_columns = len(fit.coefficients) - num_rows
    contrasts = np.hstack([np.eye(num_rows), np.full((num_rows, num_columns), 1 / max(1, num_columns))])
    known = np.asarray(np.isclose(contrasts @ fit.projection, contrasts, atol=1e-8).all(axis=1))
    return _Levels(
        contrasts @ fit.coefficients, fit.mse * (contrasts @ fit.covariance_unscaled @ contrasts.T), fit.df, known
    )


def _probabilities(
    study: StudyData,
    levels: _Levels,
    costs: _Levels,
    score_rows: np.ndarray,
    cost_rows: np.ndarray,
    log_images: np.ndarray,
    turn: float,
) -> FrontProbabilities | None:
    if not (levels.has_spread and costs.has_spread):
        return None
    rng = np.random.default_rng(derive_seed("pareto", study.plan.plan_hash))
    scores = draw_means(levels.means, levels.covariance, levels.df, rng, NUM_DRAWS)
    times = draw_means(costs.means, costs.covariance, costs.df, rng, NUM_DRAWS)
    return front_probabilities(times[:, cost_rows] + log_images, turn * scores[:, score_rows])


def _interval(levels: _Levels, row: int) -> Range | None:
    widths = levels.half_widths
    if widths is None:
        return None
    return Range(low=float(levels.means[row] - widths[row]), high=float(levels.means[row] + widths[row]))


def _cost_interval(costs: _Levels, row: int, offset: float) -> Range | None:
    limits = _interval(costs, row)
    return (
        None
        if limits is None
        else Range(low=float(np.exp(limits.low + offset)), high=float(np.exp(limits.high + offset)))
    )
