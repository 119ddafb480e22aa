"""A plan with what it takes to carry it out: its runs in order, and the data they need."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.data.listing import Listing
from pipeline.experiment import StageSpec
from pipeline.spec.data import AnyData
from pipeline.spec.records import run_key
from pipeline.spec.study import Arm, PlannedStage, StudyPlan


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One stage with one seed."""

    stage: PlannedStage
    spec: StageSpec
    seed: int
    data_key: str
    arms: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its identity."""
        return run_key(self.stage.stage_hash, self.seed)

    @property
    def needs(self) -> dict[str, str]:
        """Name of an earlier stage -> its run key."""
        return {name: run_key(stage_hash, self.seed) for name, stage_hash in self.stage.needs.items()}


@dataclass(frozen=True, slots=True)
class DataToPrepare:
    """A data set at one prepared size."""

    spec: AnyData
    listing: Listing


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, and what is needed to carry it out."""

    plan: StudyPlan
    runs: tuple[PlannedRun, ...]  # in seed blocks, ancestors first
    data: dict[str, DataToPrepare]  # data key -> what to prepare

    @property
    def num_reused(self) -> int:
        """Runs that several arms share, counted once for each arm beyond the first."""
        return sum(len(arm.stages) * len(self.plan.seeds_of(arm)) for arm in self.plan.arms) - len(self.runs)


def unique_runs(
    arms: list[Arm], specs: dict[str, StageSpec], keys: dict[str, str], seeds: tuple[int, ...]
) -> Iterator[PlannedRun]:
    """Seed by seed, so that an interrupted study is balanced; ancestors before what needs them.

    Args:
        arms: of the plan.
        specs: stage hash -> the stage.
        keys: stage hash -> data key.
        seeds: of the plan; those that only some arms have follow.
    """
    first: dict[str, PlannedStage] = {}
    serves: dict[str, list[Arm]] = {}
    for arm in arms:
        for stage in arm.stages:
            first.setdefault(stage.stage_hash, stage)
            serves.setdefault(stage.stage_hash, []).append(arm)
    needed = {h for stage in first.values() for h in stage.needs.values()}
    depth: dict[str, int] = {}
    for stage_hash, stage in first.items():  # an arm's stages come in an order in which they can run
        depth[stage_hash] = 1 + max((depth[h] for h in stage.needs.values()), default=-1)
    # Within a depth by hash: shuffled, yet the same after a restart.
    order = sorted(first, key=lambda h: (h not in needed, depth[h], h))
    for seed in dict.fromkeys([*seeds, *(own for arm in arms for own in arm.seeds or ())]):
        for stage_hash in order:
            names = tuple(arm.name for arm in serves[stage_hash] if seed in (seeds if arm.seeds is None else arm.seeds))
            if names:
                yield PlannedRun(first[stage_hash], specs[stage_hash], seed, keys[stage_hash], names)
