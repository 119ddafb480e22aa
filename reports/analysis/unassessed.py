"""The comparisons of a design that need an arm that was skipped: they stay in the tables, with the reason."""

from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.findings import blocking_arm, why_skipped
from reports.results.effect import Effect
from reports.stats.verdict import skipped_arm


def unassessed(plan: StudyPlan) -> tuple[Effect, ...]:
    """One row without numbers for each. They were never planned, so no correction counts them."""
    return tuple(_row(plan, comparison) for comparison in plan.unassessed)


def in_grid_order(plan: StudyPlan, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """By factor as in the grid, where rows were added behind those that were judged."""
    place = {name: i for i, name in enumerate(plan.grid.get("factors", ()))}
    # A level of a factor is called `factor=level`; an interaction is of no single factor and comes last.
    return tuple(sorted(effects, key=lambda effect: place.get(effect.factor.partition("=")[0], len(place))))


def _row(plan: StudyPlan, comparison: Comparison) -> Effect:
    arm = blocking_arm(plan, comparison)
    ruling = skipped_arm(arm.name, why_skipped(arm))
    return Effect(
        factor=comparison.factor,
        context=comparison.context,
        treatment=comparison.treatment,
        reference=comparison.reference,
        weights=comparison.weights,
        control=comparison.control,
        exploratory=comparison.exploratory,
        confounded=comparison.confounded,
        verdict=ruling.verdict,
        sentence=ruling.sentence,
        n=0,
        num_seeds_planned=len(plan.seeds),
        differences={},
    )
