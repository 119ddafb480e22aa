"""Hands out stages to lanes, counts attempts, and knows when all is done. Plain Python; the actor is a thin shell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablations.running.hangs import Stall, told
from ablations.running.stages import Change, Stages, State
from pipeline.training.job import StageJob, TimingJob

DIED_SILENTLY = "the worker process died without a word (killed, out of memory, or its machine went away)"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do yet: ask again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing will come any more."""


@dataclass(frozen=True, slots=True)
class Train:
    """Train this."""

    job: StageJob
    attempt: int


@dataclass(frozen=True, slots=True)
class Time:
    """Time these against each other, while the other lanes wait."""

    timing: TimingJob


Assignment = Train | Time | Stop
Answer = Assignment | Wait


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run whose worker died too often: the driver writes its record, since no worker can."""

    job: StageJob
    reason: str
    attempts: int
    hung_at: int | None = None  # the step at which it stood still, if it was ended for that


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far a run is."""

    number: int  # finished, counted from 1
    of: int
    val_top1: float  # a fraction
    by: str = ""  # who is right so often, where it is not the classifier


@dataclass(frozen=True, slots=True)
class LaneWork:
    """What a lane does now."""

    key: str  # of its run; empty while it times
    what: str  # for people
    epoch: Epoch | None = None  # None before the first has ended


@dataclass
class _Lane:
    incarnation: str = ""
    turn: int = -1
    assignment: Assignment | None = None
    note: str | Epoch = ""
    fault: str = ""
    stalls: dict[int, Stall] = field(default_factory=dict)  # by rank
    nodes: set[str] = field(default_factory=set)  # that its workers are on


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the driver shows."""

    counts: dict[str, int]
    lanes: dict[str, LaneWork]  # those that have work
    lost: tuple[LostRun, ...]
    timing: str  # "", "waiting", "running", "done"
    changes: tuple[Change, ...]
    now_s: float  # by the clock of `changes`
    over: bool  # nothing runs, and nothing will be handed out any more


@dataclass
class StageQueue:
    """The state of one invocation.

    A lane may be several workers that all ask. The first to ask at a turn decides the answer, the others get the
    same one, so that no collective is needed while lanes wait.
    """

    jobs: Sequence[StageJob]
    finished: frozenset[str]  # keys of runs that an earlier invocation finished
    timing: TimingJob | None = None
    max_attempts: int = 3
    more_may_come: bool = False  # lanes then wait for what is added, until `close`
    _stages: Stages = field(init=False)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _lost: list[LostRun] = field(default_factory=list)
    _timing_state: str = ""
    _timing_attempts: int = 0
    _draining: bool = False

    def __post_init__(self) -> None:
        self._stages = Stages(self.jobs, self.finished)
        self._timing_state = "waiting" if self.timing else ""

    def begin(self, lane: str, incarnation: str, node: str) -> None:
        """A worker of a lane has (re)started on this node. What its group was doing goes back, or fails at last."""
        known = self._lanes.get(lane)
        if known is None or known.incarnation != incarnation:
            if known is not None:
                self._give_back(known)
            self._lanes[lane] = _Lane(incarnation)
        self._lanes[lane].nodes.add(node)

    def keep(self, alive: frozenset[str]) -> tuple[str, ...]:
        """Give back what lanes do that have a worker on none of these nodes. Returns those lanes.

        They cannot be waited for: a group that has no place any more never begins again.
        """
        dead = tuple(name for name, lane in self._lanes.items() if not lane.nodes <= alive)
        for name in dead:
            self._give_back(self._lanes[name], "its machine went away")
            self._lanes[name] = _Lane()
        return dead

    def leave(self, lane: str) -> None:
        """A lane has broken down for good: what it was doing is left to the others."""
        self._give_back(self._lanes.get(lane, _Lane()))
        self._lanes[lane] = _Lane()

    def _give_back(self, lane: _Lane, fault: str = "") -> None:
        if isinstance(lane.assignment, Time):
            # A stage that kills its worker while it is timed must not hold up the study for ever.
            self._timing_state = "waiting" if self._timing_attempts < self.max_attempts else "done"
        if not isinstance(lane.assignment, Train):
            return
        key = lane.assignment.job.key
        stage = self._stages[key]
        reason = lane.fault or fault or DIED_SILENTLY
        hung_at = None
        if lane.stalls:
            reason = told(lane.stalls.values(), f"{stage.job.label} seed {stage.job.seed}")
            hung_at = min(stall.step for stall in lane.stalls.values())
        if stage.attempts >= self.max_attempts:
            self._stages.settle(key, State.FAILED, reason)
            self._lost.append(LostRun(stage.job, reason, stage.attempts, hung_at))
        else:
            self._stages.put_back(key, reason)

    def next(self, lane: str, incarnation: str, turn: int) -> Answer:
        """What this lane does at this turn."""
        mine = self._lanes[lane]
        if mine.incarnation != incarnation:
            return Stop()  # a left-over of an earlier worker group
        if mine.assignment is not None:
            # A rank that is ahead waits until rank 0 has handed in the run they share: an answer for the next turn now
            # would be taken back by `done`, and rank 0 would then be given another one.
            return mine.assignment if turn == mine.turn else Wait(0.05)
        answer = self._choose()
        if isinstance(answer, Wait):
            return answer
        mine.turn, mine.assignment, mine.note, mine.fault = turn, answer, "", ""
        mine.stalls = {}
        return answer

    def _choose(self) -> Answer:
        if self._timing_state == "running":
            return Wait(0.5)
        stage = None if self._draining else self._stages.start_next()
        if stage is not None:
            return Train(stage.job, stage.attempts)
        if self._stages.count(State.RUNNING) or (self.more_may_come and not self._draining):
            return Wait(0.1 if self.more_may_come else 0.25)
        if self._draining or self._timing_state != "waiting" or self.timing is None:
            return Stop()
        timed = TimingJob(
            self.timing.block,
            tuple(stage.job for job in self.timing.jobs if (stage := self._stages[job.key]).state is State.FINISHED),
            self.timing.rounds,
            self.timing.seconds_per_size,
        )
        self._timing_state = "running"
        self._timing_attempts += 1
        return Time(timed)

    def done(
        self,
        lane: str,
        incarnation: str,
        key: str,
        state: State,
        reason: str = "",
        metrics: dict[str, float] | None = None,
    ) -> None:
        """A lane's rank 0 has written the record of its run."""
        mine = self._lanes[lane]
        if mine.incarnation == incarnation:
            self._stages.settle(key, state, reason, metrics)
            mine.note, mine.assignment = "", None

    def timed(self, lane: str, incarnation: str) -> None:
        """The timing block is complete."""
        if self._lanes[lane].incarnation == incarnation:
            self._timing_state = "done"
            self._lanes[lane].assignment = None

    def fault(self, lane: str, incarnation: str, reason: str) -> None:
        """A rank is about to raise; its reason goes with the attempt."""
        mine = self._lanes[lane]
        if mine.incarnation == incarnation and not mine.fault:
            mine.fault = reason

    def stalled(self, lane: str, incarnation: str, num_ranks: int, stall: Stall) -> bool:
        """A rank stands still, and is about to end. Whether all ranks of its group have said so by now."""
        mine = self._lanes[lane]
        if mine.incarnation != incarnation:
            return True
        mine.stalls[stall.rank] = stall
        return len(mine.stalls) == num_ranks

    def divide(self, lane: str, incarnation: str, key: str, num_parts: int) -> None:
        """A shard of this run did not fit into memory: from now on it is cut into so many parts."""
        if self._lanes[lane].incarnation == incarnation:
            stage = self._stages[key]
            stage.job = replace(stage.job, num_parts=max(stage.job.num_parts, num_parts))

    def progress(self, lane: str, incarnation: str, note: str | Epoch) -> None:
        """How far a lane is with what it does, for people."""
        mine = self._lanes.get(lane)
        if mine is not None and mine.incarnation == incarnation:
            mine.note = note

    def add(self, jobs: Sequence[StageJob], finished: frozenset[str]) -> None:
        """Runs that were not known at the start; `finished`: keys of those that need not be trained."""
        self._stages.add(jobs, finished)

    def close(self) -> None:
        """No more runs will be added."""
        self.more_may_come = False

    def drain(self) -> None:
        """Finish what is running, start nothing new."""
        self._draining = True

    def snapshot(self) -> Snapshot:
        """Counts per state, what each lane does, and the lost runs and changes since the last call."""
        counts = {state.value: self._stages.count(state) for state in State}
        lanes = {}
        for name, lane in self._lanes.items():
            if isinstance(lane.assignment, Train):
                job = lane.assignment.job
                epoch = lane.note if isinstance(lane.note, Epoch) else None
                lanes[name] = LaneWork(job.key, f"{job.label} seed {job.seed}", epoch)
            elif isinstance(lane.assignment, Time):
                lanes[name] = LaneWork("", f"timing {lane.note}".strip())
        lost, self._lost = tuple(self._lost), []
        changes = self._stages.take_changes()
        return Snapshot(counts, lanes, lost, self._timing_state, changes, time.monotonic(), self._is_over())

    def _is_over(self) -> bool:
        if self._stages.count(State.RUNNING) or self._timing_state == "running":
            return False
        more = self._stages.count(State.PENDING) or self._timing_state == "waiting" or self.more_may_come
        return self._draining or not more


def queue_actor(queue: StageQueue) -> Any:
    """The queue as a Ray actor beside the driver. It takes no CPU."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    class QueueActor:
        """Forwards every call."""

        def __init__(self, inner: StageQueue) -> None:
            self._inner = inner

        def call(self, method: str, *args: Any) -> Any:
            return getattr(self._inner, method)(*args)

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(QueueActor).options(scheduling_strategy=here).remote(queue)
