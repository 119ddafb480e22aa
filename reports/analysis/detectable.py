"""Was it big enough, and how many more seeds would it take? From the spread that the runs showed."""

from pipeline.spec.study import StudyPlan
from reports.analysis.contrast import compares_nothing, is_difference, squared_norm
from reports.analysis.estimates import Family
from reports.results.noise import NoiseFloor
from reports.results.power import PowerAnalysis, PowerPoint
from reports.results.ranges import Range
from reports.scale import Scale
from reports.stats.estimate import Method
from reports.stats.headline import degrees_of_freedom, headline_method
from reports.stats.power import MAX_SEEDS, POWER, seeds_needed, smallest_effect

FEWEST, MOST = 2, 40
"""Seeds that are drawn; nobody plans a study by what stands beyond."""


def analyse_power(plan: StudyPlan, family: Family, floor: NoiseFloor | None, scale: Scale) -> PowerAnalysis | None:
    """The smallest detectable effect by number of seeds; None while the spread over seeds is unknown.

    It is that of the least precise comparison that the study declared. A study that declared none is asked what it
    could have said about two arms.

    Args:
        plan: seeds, level and delta.
        family: of the declared comparisons.
        floor: the measured spread of one arm.
        scale: of the metric that decides.
    """
    if floor is None:
        return None
    keys = [key for key in family.keys if not compares_nothing(key)]
    widest = max(keys, key=squared_norm, default=None)
    norm = 2.0 if widest is None else squared_norm(widest)
    weighted = widest is not None and not is_difference(widest)
    num_comparisons, num_cells = max(1, len(family.keys)), max(2, family.cells.num_cells)
    sds = (floor.sd, floor.ci95.low, floor.ci95.high)

    def method_at(num_seeds: int) -> Method:
        method = headline_method(num_seeds, num_comparisons, num_cells, weighted=weighted)
        assert method is not None, "seeds are counted from 2"
        return method

    def df_at(num_seeds: int) -> float:
        return degrees_of_freedom(method_at(num_seeds), num_seeds, num_cells)

    needed = [seeds_needed(plan.metric.delta, sd * norm**0.5, df_at, plan.alpha) for sd in sds]
    num_seeds = len(plan.seeds)
    last = max(10, 2 * num_seeds, min((needed[0] or MOST) + 2, MOST))
    points: list[PowerPoint] = []
    for count in range(FEWEST, min(last, max(MOST, num_seeds + 2)) + 1):
        df = df_at(count)
        alone, low, high = (smallest_effect(sd * norm**0.5, count, df, plan.alpha) for sd in sds)
        corrected = smallest_effect(floor.sd * norm**0.5, count, df, plan.alpha / num_comparisons)
        points.append(
            PowerPoint(
                num_seeds=count,
                method=method_at(count),
                alone=alone,
                alone_range=Range(low=low, high=high),
                after_correction=corrected,
            )
        )
    return PowerAnalysis(
        power=POWER,
        alpha=plan.alpha,
        sd=floor.sd,
        sd_ci95=floor.ci95,
        squared_norm=norm,
        num_comparisons=num_comparisons,
        num_seeds=num_seeds,
        delta=plan.metric.delta,
        points=tuple(points),
        seeds_for_delta=needed[0],
        seeds_range=(needed[1], needed[2]),
        sentence=_sentence(points, num_seeds, needed, plan.metric.delta, scale),
    )


def _sentence(points: list[PowerPoint], num_seeds: int, needed: list[int | None], delta: float, scale: Scale) -> str:
    here = next((point for point in points if point.num_seeds == num_seeds), None)
    if here is None:
        now = "One seed allows no verdict"
    else:
        limits = here.alone_range
        now = (
            f"With {num_seeds} seeds, {scale.value(here.alone)}{scale.suffix} is found with {POWER:.0%} power (between "
            f"{scale.value(limits.low)} and {scale.value(limits.high)}, for the spread is known no better)"
        )
    low, high = (_seeds(count) for count in needed[1:])
    return f"{now}; {scale.size(delta)} would take about {_seeds(needed[0])} seeds ({low} to {high})."


def _seeds(count: int | None) -> str:
    return f"more than {MAX_SEEDS}" if count is None else str(count)
