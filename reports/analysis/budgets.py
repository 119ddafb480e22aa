"""Arms that were not trained for as many epochs as bare: their differences are of budgets, too."""

from pipeline.spec.study import Arm
from reports.analysis.arms import bare_arm
from reports.records.load import StudyData


def epoch_differences(study: StudyData) -> tuple[str, ...]:
    """One sentence that names the arms with their epochs, seed by seed; nothing where all trained alike."""
    bare = bare_arm(study)
    if bare is None:
        return ()
    reference = _epochs(study, bare)
    by_arm = {arm.name: _epochs(study, arm) for arm in study.plan.arms}
    differing = [f"{name} {_listed(epochs)}" for name, epochs in by_arm.items() if _differ(epochs, reference)]
    if not differing:
        return ()
    seeds = ", ".join(map(str, study.plan.seeds))
    return (
        f"trained epochs differ from bare's ({_listed(reference)} with seeds {seeds}): {'; '.join(differing)}. What "
        "these arms gain or lose may come from the budget as well as from the factor",
    )


def _epochs(study: StudyData, arm: Arm) -> list[int | None]:
    """Of the arm's own last stage, in the order of the seeds; None where they are not known."""
    records = [study.finished((arm.final.stage_hash, seed)) for seed in study.plan.seeds]
    return [None if record is None or record.cost is None else record.cost.num_epochs for record in records]


def _differ(epochs: list[int | None], reference: list[int | None]) -> bool:
    pairs = zip(epochs, reference, strict=True)
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _listed(epochs: list[int | None]) -> str:
    return ", ".join("?" if n is None else str(n) for n in epochs)
