"""What `ablate plan` says about the conditions of a study: runs and hours of each, and what change they can show."""

from collections.abc import Sequence
from typing import Any

from ablations.commands.plan_text import Estimate, detectable, estimate, noise
from ablations.planning.conditions import PlannedCondition
from ablations.planning.planned import Planned
from ablations.records.home import Home
from ablations.running.display import duration
from ablations.running.runner import finished_keys
from pipeline.spec.records import IN_POINTS
from reports.stats.power import smallest_effect


def conditions_lines(planned: Planned, conditions: Sequence[PlannedCondition], home: Home, lanes: int) -> list[str]:
    """Nothing for a study without conditions."""
    if not conditions:
        return []
    costs = [_cost(one, home) for one in conditions]
    lines = [
        f"condition {one.condition.name}: {len(one.planned.runs)} runs"
        + (f", {len(one.shared)} of them shared" if one.shared else "")
        + (f", {cost.finished} finished" if cost.finished else "")
        + f"; about {duration(cost.one_after_another_s / lanes)} on {lanes} lane{'s' if lanes != 1 else ''}"
        + f" (study {one.condition.study})"
        for one, cost in zip(conditions, costs, strict=True)
    ]
    done = finished_keys(home, planned).union(*(finished_keys(home, one.planned) for one in conditions))
    every = {run.key for run in planned.runs}.union(*({run.key for run in one.planned.runs} for one in conditions))
    own = estimate(planned, home, finished_keys(home, planned))
    total_s = own.one_after_another_s + sum(cost.one_after_another_s for cost in costs)
    lines.append(
        f"in all    {len(every - done)} runs to do, those of the study itself among them; about "
        f"{duration(total_s / lanes)} on {lanes} lane{'s' if lanes != 1 else ''}"
    )
    change = smallest_change(planned, home)
    unit = " points" if planned.plan.metric.name in IN_POINTS else ""
    if change is not None:
        lines.append(
            f"detects   {len(planned.plan.seeds)} seeds: a difference of {change:.2f}{unit} between an effect under a "
            "condition and in the study itself (80% power, before correction)"
        )
    return lines


def conditions_json(planned: Planned, conditions: Sequence[PlannedCondition], home: Home, lanes: int) -> dict[str, Any]:
    """The same for programs."""
    found = []
    for one in conditions:
        cost = _cost(one, home)
        found.append(
            {
                "name": one.condition.name,
                "study": one.condition.study,
                "changes": one.condition.changes,
                "plan_hash": one.planned.plan.plan_hash,
                "runs": {
                    "unique": len(one.planned.runs),
                    "finished": cost.finished,
                    "pending": cost.pending,
                    "shared": len(one.shared),
                },
                "seconds_on_lanes": cost.one_after_another_s / lanes,
            }
        )
    return {"conditions": found, "smallest_detectable_change": smallest_change(planned, home) if found else None}


def smallest_change(planned: Planned, home: Home) -> float | None:
    """The smallest difference of one effect between two conditions that is found with 80% power.

    Both effects are assumed to scatter alike: their difference then has twice the variance and twice the degrees of
    freedom.
    """
    spread, num_seeds = noise(planned, home), len(planned.plan.seeds)
    if spread is None:
        return None
    found = detectable(planned, spread.sd, num_seeds)
    if found.alone is None or found.df is None:
        return None
    sd = found.alone / smallest_effect(1.0, num_seeds, found.df, planned.plan.alpha)
    return smallest_effect(2**0.5 * sd, num_seeds, 2 * found.df)


def _cost(one: PlannedCondition, home: Home) -> Estimate:
    return estimate(one.planned, home, finished_keys(home, one.planned))
