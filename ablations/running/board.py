"""Where every run of a study is, kept up to date by what the queue says has changed. Nothing here is a verdict."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ablations.records.study_runs import study_runs
from ablations.running.queue import Epoch, LaneWork, Snapshot, State
from ablations.running.stages import Change
from ablations.running.time_left import range_text, time_left
from pipeline.spec.records import run_key
from pipeline.spec.study import Arm, StudyPlan
from reports.formats.marks import ArmMarks, Mark
from reports.scale import scale_of_metric


@dataclass(frozen=True, slots=True)
class _Pace:
    """When a run was first and last seen to end an epoch: after a resume the first is not epoch 1."""

    first: Epoch
    first_s: float
    last: Epoch
    last_s: float

    @property
    def whole_s(self) -> float | None:
        """What all epochs of the run would take; None before a second one has ended."""
        epochs = self.last.number - self.first.number
        return (self.last_s - self.first_s) / epochs * self.last.of if epochs > 0 else None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has just come to its end, or goes back to be tried again."""

    name: str
    state: State
    text: str  # its score, or the reason


class Board:
    """The state of an invocation, run by run and arm by arm."""

    def __init__(self, plan: StudyPlan, finished: Mapping[str, dict[str, float]], num_lanes: int) -> None:
        """Start.

        Args:
            plan: the study's.
            finished: key of each run that an earlier invocation finished -> metrics of its record.
            num_lanes: that work side by side.
        """
        self._scale = scale_of_metric(plan.metric)
        self._num_lanes = num_lanes
        self._states: dict[str, State] = {}
        self._metrics: dict[str, dict[str, float]] = {}
        self._started_s: dict[str, float] = {}
        self._took_s: list[float] = []
        self._pace: dict[str, _Pace] = {}
        self._ended: list[Ended] = []
        self._counts: Counter[State] = Counter()
        self.grow(plan, finished)
        self.timing = ""
        self.lanes: dict[str, LaneWork] = {}

    @property
    def metric_title(self) -> str:
        """Of the numbers beside the arms."""
        return self._scale.title + (f" ({self._scale.unit})" if self._scale.unit else "")

    @property
    def num_runs(self) -> int:
        """Of the plan."""
        return len(self._states)

    def num(self, state: State) -> int:
        """How many runs are in this state."""
        return self._counts[state]

    @property
    def num_over(self) -> int:
        """Runs of which nothing more will come."""
        return self.num_runs - self.num(State.PENDING) - self.num(State.RUNNING)

    def grow(self, plan: StudyPlan, finished: Mapping[str, dict[str, float]]) -> None:
        """Take the plan, or one that has got more arms since.

        Args:
            plan: the whole of it.
            finished: key of each new run that need not be trained -> metrics of its record.
        """
        self._plan, self._seeds = plan, plan.every_seed
        self._names = {run.key: run.name for run in study_runs(plan)}
        for key in self._names.keys() - self._states.keys():
            self._states[key] = State.FINISHED if key in finished else State.PENDING
            self._counts[self._states[key]] += 1
            if key in finished:
                self._metrics[key] = finished[key]
        self._arms_of: dict[str, list[int]] = {}  # run key -> positions of the arms that it serves
        for position, arm in enumerate(plan.arms):
            for stage in arm.stages:
                for seed in plan.seeds_of(arm):
                    self._arms_of.setdefault(run_key(stage.stage_hash, seed), []).append(position)
        self._rows = [self._row(arm) for arm in plan.arms]

    def update(self, snapshot: Snapshot) -> None:
        """Take in what has changed."""
        self.timing, self.lanes = snapshot.timing, snapshot.lanes
        for change in snapshot.changes:
            self._take(change)
        # Thousands of runs are not looked through twice a second: only the arms that a change is about.
        for position in {position for change in snapshot.changes for position in self._arms_of[change.key]}:
            self._rows[position] = self._row(self._plan.arms[position])
        for work in snapshot.lanes.values():
            if work.epoch is not None:
                before = self._pace.get(work.key)
                if before is None:
                    self._pace[work.key] = _Pace(work.epoch, snapshot.now_s, work.epoch, snapshot.now_s)
                elif before.last.number != work.epoch.number:
                    self._pace[work.key] = replace(before, last=work.epoch, last_s=snapshot.now_s)

    def _take(self, change: Change) -> None:
        self._counts[self._states[change.key]] -= 1
        self._counts[change.state] += 1
        self._states[change.key] = change.state
        name = self._names[change.key]
        if change.state is State.RUNNING:
            self._started_s[change.key] = change.at_s
            self._pace.pop(change.key, None)
        elif change.state is State.FINISHED:
            self._metrics[change.key] = change.metrics
            self._took_s.append(change.at_s - self._started_s[change.key])
            self._ended.append(Ended(name, change.state, self._score(change.key)))
        elif change.state in (State.FAILED, State.PENDING):  # pending: its worker died, and it will be tried again
            self._ended.append(Ended(name, change.state, change.reason))

    def take_ended(self) -> tuple[Ended, ...]:
        """Runs that came to their end since this was asked last."""
        taken, self._ended = tuple(self._ended), []
        return taken

    def rows(self) -> list[ArmMarks]:
        """Each arm's runs, and the mean of its finished ones so far."""
        return self._rows

    def lane_text(self, work: LaneWork) -> str:
        """'+mixup seed 1, epoch 3/10, val top-1 43.1%'."""
        name = self._names.get(work.key, work.what)
        if work.epoch is None:
            return f"{name}, first epoch" if work.key else name
        epoch = work.epoch
        return f"{name}, epoch {epoch.number}/{epoch.of}, val {epoch.by or 'top-1'} {100 * epoch.val_top1:.1f}%"

    def left_text(self) -> str:
        """'8 to 12 min left', from the runs that this invocation finished; empty while nothing is known."""
        left = self.num(State.PENDING) + sum(self._part_left(work) for work in self.lanes.values() if work.key)
        if not left:
            return ""
        found = time_left(self._took_s, left, self._num_lanes)
        if found is not None:
            return f"{range_text(found.low_s, found.high_s)} left"
        paces = [pace.whole_s for pace in self._pace.values() if pace.whole_s is not None]
        if not paces:
            return ""
        guess_s = sum(paces) / len(paces) * left / self._num_lanes
        return f"{range_text(guess_s, guess_s)} left by the first epochs"

    def _part_left(self, work: LaneWork) -> float:
        if work.epoch is not None:
            return 1 - work.epoch.number / work.epoch.of
        return 1.0

    def _row(self, arm: Arm) -> ArmMarks:
        planned = self._plan.seeds_of(arm)
        marks: tuple[Mark | None, ...] = tuple(
            self._mark(arm, seed) if seed in planned else None for seed in self._seeds
        )
        scores = [
            metrics[name]
            for seed in planned
            if (name := f"val/{self._scale.name}")
            in (metrics := self._metrics.get(run_key(arm.final.stage_hash, seed), {}))
        ]
        if not scores:
            return ArmMarks(arm.name, marks)
        mean = self._scale.value(self._scale.shown(sum(scores) / len(scores)))
        return ArmMarks(arm.name, marks, f"{mean} n={len(scores)}")

    def _mark(self, arm: Arm, seed: int) -> Mark:
        states = [self._states[run_key(stage.stage_hash, seed)] for stage in arm.stages]
        if State.RUNNING in states:
            return "running"
        marks: dict[State, Mark] = {
            State.PENDING: "missing",
            State.FINISHED: "finished",
            State.FAILED: "failed",
            State.NOT_RUN: "blocked",
        }
        return marks[states[-1]]

    def _score(self, key: str) -> str:
        stored = self._metrics[key].get(f"val/{self._scale.name}")
        return "" if stored is None else f"{self._scale.title} {self._scale.value(self._scale.shown(stored))}"
