"""The runs a study needs: each unique stage once for every seed, whichever arms it serves."""

from collections import Counter
from collections.abc import Iterator
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


def study_runs(plan: StudyPlan, seed: int | None = None) -> tuple[StudyRun, ...]:
    """Every run the plan needs, block of seeds by block of seeds.

    A stage that decides an arm goes by the first such arm's name; one that only prepares (a teacher) by its own, with
    the first arm it serves where two different stages would be called the same.

    Args:
        plan: the study's.
        seed: only the block of this seed, for who looks for one run among thousands.
    """
    stages = {stage.stage_hash: stage for arm in plan.arms for stage in arm.stages}
    arms: dict[str, dict[str, None]] = {key: {} for key in stages}  # a dict is a set that keeps its order
    for arm in plan.arms:
        for stage in arm.stages:
            arms[stage.stage_hash][arm.name] = None
    serves = {key: tuple(names) for key, names in arms.items()}
    decides = {arm.final.stage_hash: arm.name for arm in reversed(plan.arms)}
    alike = Counter(stage.name for key, stage in stages.items() if key not in decides)

    def title(key: str) -> str:
        name = stages[key].name
        return decides.get(key) or (name if alike[name] == 1 else f"{name} for {serves[key][0]}")

    titles = {key: title(key) for key in stages}

    def runs() -> Iterator[StudyRun]:
        for block in plan.every_seed if seed is None else (seed,):
            planned = {arm.name for arm in plan.arms if block in plan.seeds_of(arm)}
            for key, stage in stages.items():
                if among := tuple(name for name in serves[key] if name in planned):
                    yield StudyRun(f"{titles[key]} seed {block}", stage.name, key, block, among, stage.spec)

    return tuple(runs())
