"""A planned comparison as weights of training runs: what makes two comparisons one and the same test."""

from pipeline.spec.study import Comparison, StudyPlan

NEGLIGIBLE = 1e-9  # weights come from least squares: below this they are rounding

StageWeights = tuple[tuple[str, float], ...]
"""(stage hash, weight), the largest weight first: of a difference of two arms, treatment before reference."""


def stage_weights(plan: StudyPlan, comparison: Comparison) -> StageWeights:
    """The weights of a comparison by run: arms that share their runs are one.

    Where nothing is left (every arm has the same specification as its partner), the stages stay with weight 0.
    """
    stage_of = {arm.name: arm.final.stage_hash for arm in plan.arms}
    merged: dict[str, float] = {}
    for arm, weight in comparison.contrast.items():
        merged[stage_of[arm]] = merged.get(stage_of[arm], 0.0) + weight
    rounded = [(stage, round(weight, 12) if abs(weight) > NEGLIGIBLE else 0.0) for stage, weight in merged.items()]
    kept = [entry for entry in rounded if entry[1]] or rounded
    return tuple(sorted(kept, key=lambda entry: (-entry[1], entry[0])))


def compares_nothing(key: StageWeights) -> bool:
    """Whether all its arms came to the same specification, so that there is no difference to measure."""
    return not any(weight for _, weight in key)


def is_difference(key: StageWeights) -> bool:
    """Whether it is one arm minus another; else it is a weighted sum, which the two-way model judges."""
    return [weight for _, weight in key] == [1.0, -1.0] or compares_nothing(key)


def squared_norm(key: StageWeights) -> float:
    """Sum of the squared weights: the variance of one seed's value in units of a run's. 2 for a difference."""
    return sum(weight**2 for _, weight in key)


def difference(treatment: str, reference: str) -> StageWeights:
    """One stage minus another."""
    return ((treatment, 1.0), (reference, -1.0))
