"""Where MLflow shows each run of a study."""

from dataclasses import dataclass

from pipeline.spec.records import run_key
from reports.records.load import StudyData


@dataclass(frozen=True, slots=True)
class RunLink:
    """One training run."""

    who: str  # the arms it answers for, and its stage where that is not the last
    seed: int
    run_id: str
    url: str | None  # None where no server shows it


@dataclass(frozen=True, slots=True)
class RunLinks:
    """All runs that MLflow is known to have; `command` opens them where there is no server."""

    rows: tuple[RunLink, ...]
    command: str


def run_links(study: StudyData) -> RunLinks | None:
    """The runs of the plan in its order; None where nothing is known of MLflow."""
    places = study.mlflow
    if places is None:
        return None
    who: dict[tuple[str, int], list[str]] = {}
    for arm in study.plan.arms:
        for stage in arm.stages:
            name = arm.name if stage is arm.final else f"{stage.name} of {arm.name}"
            for seed in study.plan.seeds_of(arm):
                who.setdefault((stage.stage_hash, seed), []).append(name)
    rows = tuple(
        RunLink(_listed(names), seed, places.run_ids[key], places.run_url(key))
        for (stage_hash, seed), names in who.items()
        if (key := run_key(stage_hash, seed)) in places.run_ids
    )
    return RunLinks(rows, places.command) if rows else None


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
