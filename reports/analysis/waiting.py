"""Which comparisons of an unfinished study wait for which runs."""

from collections.abc import Iterable

from pipeline.spec.study import StudyPlan
from reports.results.completeness import MissingRuns, RunCell, Waiting


def waiting(plan: StudyPlan, cells: Iterable[RunCell]) -> tuple[Waiting, ...]:
    """Every comparison with a run that has not run yet. A failed run is no reason to wait: it stays in the counts.

    Args:
        plan: the study's.
        cells: what became of each arm and seed.
    """
    missing: dict[str, tuple[int, ...]] = {}
    for cell in cells:
        if cell.state == "missing":
            missing[cell.arm] = (*missing.get(cell.arm, ()), cell.seed)
    found = []
    for comparison in plan.comparisons:
        runs = tuple(MissingRuns(arm=arm, seeds=missing[arm]) for arm in comparison.contrast if arm in missing)
        if runs:
            found.append(
                Waiting(
                    factor=comparison.factor,
                    context=comparison.context,
                    exploratory=comparison.exploratory,
                    runs=runs,
                )
            )
    return tuple(found)
