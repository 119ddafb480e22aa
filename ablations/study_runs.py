"""The runs a study needs: each unique stage once for every seed, whichever arms it serves."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pipeline.spec.records import run_key
from pipeline.spec.study import StudyPlan


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One unique stage with one seed, as people would call it."""

    name: str
    stage: str
    stage_hash: str
    seed: int
    arms: tuple[str, ...]
    spec: dict[str, Any]

    @property
    def key(self) -> str:
        """The run's key."""
        return run_key(self.stage_hash, self.seed)


def study_runs(plan: StudyPlan) -> tuple[StudyRun, ...]:
    """Every run the plan needs, block of seeds by block of seeds.

    A stage that decides an arm goes by the first such arm's name; one that only prepares (a teacher) by its own, with
    the first arm it serves where two different stages would be called the same.
    """
    stages = {stage.stage_hash: stage for arm in plan.arms for stage in arm.stages}
    serves = {key: tuple(arm.name for arm in plan.arms if key in {s.stage_hash for s in arm.stages}) for key in stages}
    decides = {arm.final.stage_hash: arm.name for arm in reversed(plan.arms)}
    alike = Counter(stage.name for key, stage in stages.items() if key not in decides)

    def title(key: str) -> str:
        name = stages[key].name
        return decides.get(key) or (name if alike[name] == 1 else f"{name} for {serves[key][0]}")

    return tuple(
        StudyRun(f"{title(key)} seed {seed}", stage.name, key, seed, serves[key], stage.spec)
        for seed in plan.seeds
        for key, stage in stages.items()
    )
