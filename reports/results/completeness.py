"""How much of a study has run, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context, SkippedArm

RunState = Literal["finished", "failed", "missing", "blocked"]


class RunCell(Frozen):
    """One arm with one seed."""

    arm: str
    seed: int
    state: RunState
    reason: str = ""


class MissingRuns(Frozen):
    """Seeds that an arm has not run with yet."""

    arm: str
    seeds: tuple[int, ...]


class Waiting(Frozen):
    """A comparison that is not complete before these runs are."""

    factor: str
    context: Context
    exploratory: bool
    runs: tuple[MissingRuns, ...]


class FailedRun(Frozen):
    """A run that did not finish, with what it left behind."""

    stage_hash: str
    seed: int
    stage: str
    arms: tuple[str, ...]
    type: str
    message: str
    step: int | None
    attempts: int
    log_tail: str


class Completeness(Frozen):
    """Planned, finished, failed and missing: of distinct training runs, and of arms by seed.

    Skipped arms are none of these: the design asks for them, but they cannot be.
    """

    num_planned: int
    num_finished: int
    num_failed: int
    num_missing: int = Field(description="not run yet")
    num_blocked: int = Field(description="cannot run: an earlier stage failed")
    cells: tuple[RunCell, ...]
    failures: tuple[FailedRun, ...]
    skipped: tuple[SkippedArm, ...] = ()
    waiting: tuple[Waiting, ...] = Field((), description="comparisons that need a run which has not run yet")

    @property
    def complete(self) -> bool:
        """Whether every planned run finished."""
        return self.num_finished == self.num_planned

    def of_arm(self, arm: str) -> tuple[RunCell, ...]:
        """The cells of one arm in the order of the seeds."""
        return tuple(cell for cell in self.cells if cell.arm == arm)
