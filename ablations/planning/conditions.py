"""The plans of a grid's conditions: each a study, all of them checked before the first run of any."""

from collections.abc import Callable
from dataclasses import dataclass

from ablations.grid.conditions import ConditionGrid, condition_grids
from ablations.grid.spec import GridSpec
from ablations.planning.planned import Planned
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Condition


@dataclass(frozen=True, slots=True)
class PlannedCondition:
    """A condition and what it takes to carry it out."""

    condition: Condition
    grid: GridSpec
    planned: Planned
    shared: frozenset[str]  # keys of its runs that the study itself or an earlier condition has too


def plan_conditions(
    grid: GridSpec, planned: Planned, build: Callable[[ConditionGrid], Planned], where: str = ""
) -> tuple[PlannedCondition, ...]:
    """Plan the study under each of its conditions.

    Args:
        grid: of the study.
        planned: its plan.
        build: plans one of them, with the seeds of that plan.
        where: the grid is, to start messages with.

    Raises:
        SpecError: a condition is wrong, or all of them together have more runs than `max_runs`.
        DataError: the data of a condition is not what it says.
    """
    known = {run.key for run in planned.runs}
    found: list[PlannedCondition] = []
    for one in condition_grids(grid):
        under = build(one)
        keys = {run.key for run in under.runs}
        found.append(PlannedCondition(one.condition, one.grid, under, frozenset(keys & known)))
        known |= keys
    if len(known) > grid.max_runs:
        raise SpecError(
            f"{where}conditions: the study and its {len(found)} conditions have {len(known)} training runs, more than "
            f"max_runs={grid.max_runs}. Use fewer conditions, factors or seeds, or raise max_runs"
        )
    return tuple(found)
