"""Where each stage of an invocation is, and which one is next."""

import heapq
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.training.job import StageJob


class State(StrEnum):
    """Where a run is."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    NOT_RUN = "not run"  # an ancestor failed


BUSY_S = "cost/busy_s"
"""Among the metrics of a change: how long its run trained."""
_OVER_IN_VAIN = (State.FAILED, State.NOT_RUN)


@dataclass
class Stage:
    """One run of the plan. Only `Stages` changes its state, so that counts and order stay true."""

    job: StageJob
    position: int  # in the plan
    state: State
    attempts: int = 0
    reason: str = ""  # why it failed, went back or was not run


@dataclass(frozen=True, slots=True)
class Change:
    """A run came to another state."""

    key: str
    state: State
    at_s: float  # of this process's clock: only differences mean something
    reason: str = ""
    metrics: dict[str, float] = field(default_factory=dict)  # of its record, where it finished, and BUSY_S


class Stages:
    """The runs in plan order: the earliest pending one whose ancestors have finished is next.

    Nothing looks through all of them after the start: a change of state is passed on to the stages that need this one,
    so that a call takes as long in a plan of ten thousand as in one of ten.
    """

    def __init__(self, jobs: Iterable[StageJob], finished: frozenset[str]) -> None:
        self._by_key: dict[str, Stage] = {}
        self._counts: Counter[State] = Counter()
        # Keys rather than references: the queue is pickled, and pickle recurses along a chain of references.
        self._needed_by: dict[str, list[str]] = {}
        self._changes: list[Change] = []
        self._ready: list[tuple[int, str]] = []  # a heap of (position, key): every pending stage that may start
        self.add(jobs, finished)

    def add(self, jobs: Iterable[StageJob], finished: frozenset[str]) -> None:
        """Put runs behind those that are known. One that is known already stays as it is."""
        new = [job for job in jobs if job.key not in self._by_key]
        for job in new:
            state = State.FINISHED if job.key in finished else State.PENDING
            self._by_key[job.key] = Stage(job, len(self._by_key), state)
            self._counts[state] += 1
            self._needed_by[job.key] = []
        for job in new:
            for ancestor in set(job.ancestors.values()):
                self._needed_by[ancestor].append(job.key)
        for job in new:
            self._queue_if_ready(job.key)
            dead = next((a for a in job.ancestors.values() if self._by_key[a].state in _OVER_IN_VAIN), None)
            if dead is not None:
                self._give_up_descendants(dead)

    def __getitem__(self, key: str) -> Stage:
        """The stage of this run."""
        return self._by_key[key]

    def count(self, state: State) -> int:
        """How many stages are in this state."""
        return self._counts[state]

    def take_changes(self) -> tuple[Change, ...]:
        """What happened since this was asked last, in order: a poll costs what is new, not what is planned."""
        taken, self._changes = tuple(self._changes), []
        return taken

    def start_next(self) -> Stage | None:
        """Take the earliest stage that may start, if there is one, and count the attempt."""
        if not self._ready:
            return None
        stage = self._by_key[heapq.heappop(self._ready)[1]]
        self._move(stage, State.RUNNING)
        stage.attempts += 1
        return stage

    def put_back(self, key: str, reason: str) -> None:
        """A running stage was interrupted: it takes its place in the order again."""
        assert self._by_key[key].state is State.RUNNING, key
        self._move(self._by_key[key], State.PENDING, reason)
        self._queue_if_ready(key)

    def settle(self, key: str, state: State, reason: str = "", metrics: dict[str, float] | None = None) -> None:
        """A running stage has finished or failed: what needs it may start, or never will."""
        assert self._by_key[key].state is State.RUNNING, key
        self._move(self._by_key[key], state, reason, metrics)
        if state is State.FINISHED:
            for dependent in self._needed_by[key]:
                self._queue_if_ready(dependent)
        else:
            self._give_up_descendants(key)

    def _give_up_descendants(self, key: str) -> None:
        dead = [key]
        for ancestor in dead:  # grows while it is walked, down to the last descendant
            for dependent in self._needed_by[ancestor]:
                stage = self._by_key[dependent]
                if stage.state is State.PENDING:
                    name = next(name for name, needed in stage.job.ancestors.items() if needed == ancestor)
                    self._move(stage, State.NOT_RUN, f"{name} failed")
                    dead.append(dependent)

    def _queue_if_ready(self, key: str) -> None:
        stage = self._by_key[key]
        needed = (self._by_key[ancestor] for ancestor in stage.job.ancestors.values())
        if stage.state is State.PENDING and all(ancestor.state is State.FINISHED for ancestor in needed):
            heapq.heappush(self._ready, (stage.position, key))

    def _move(self, stage: Stage, state: State, reason: str = "", metrics: dict[str, float] | None = None) -> None:
        self._counts[stage.state] -= 1
        self._counts[state] += 1
        stage.state, stage.reason = state, reason
        self._changes.append(Change(stage.job.key, state, time.monotonic(), reason, metrics or {}))
