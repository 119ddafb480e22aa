"""Carries out a search: asks for trials while lanes are free, tells it their scores, then judges the winner."""

import math
import time
from collections.abc import Sequence

import ray

from ablations.records import store
from ablations.records.home import Home
from ablations.records.recorder import recording
from ablations.records.study_lock import run_alone
from ablations.running.board import Board
from ablations.running.cluster import actors_needed, connect
from ablations.running.display import Progress
from ablations.running.interrupts import Interrupts
from ablations.running.lanes import cluster_size, size_lanes
from ablations.running.queue import Snapshot, StageQueue, State, queue_actor
from ablations.running.runner import Outcome as Ended
from ablations.running.runner import job_of, prepare_all, usable, write_and_show_report
from ablations.running.stages import BUSY_S, Change
from ablations.running.watch import watch
from ablations.tuning.ask import Later, NewTrial, Over, next_step
from ablations.tuning.history import Outcome, winner
from ablations.tuning.rungs import Promotion
from ablations.tuning.study import TuningStudy
from ablations.tuning.warm_start import earlier_trials
from pipeline.spec.records import HIGHER_IS_BETTER, RunRecord, Status
from pipeline.spec.study import Arm
from reports.page.tuning import write_tuning
from reports.records.load import load_study

POLL_S = 0.1  # a lane that has nothing to do waits for the next look
AHEAD = 1  # trials asked for beyond what lanes can train: what is asked later knows more
LOST = "WorkerLost"  # a failure that says nothing about the trial


class Search:
    """The state of an invocation: which runs have ended, and what is wanted next. No Ray."""

    def __init__(self, study: TuningStudy, home: Home) -> None:
        self.study, self._home = study, home
        self.records = {record.key: record for record in store.read_records(home).values()}
        self.finished = {key for key, record in self.records.items() if record.status is Status.FINISHED}
        self.over: Over | None = None
        fingerprint, epochs = study.plan().data.fingerprint, study.tuning.epochs
        self._earlier = earlier_trials(study.spec, home, self.records, fingerprint, epochs)
        self._ended: dict[str, Outcome] = {}
        self._epochs: dict[str, int] = {}
        for trial in study.tuning.trials:
            for run in trial.runs:
                self._note(study.key_of(run.arm), run.epochs)

    def _note(self, key: str, epochs: int) -> None:
        """A run that was asked for, which an earlier study or invocation may have answered."""
        self._epochs[key] = epochs
        record = self.records.get(key)
        if record is not None and not (record.failure is not None and record.failure.type == LOST):
            self._ended[key] = self._outcome(epochs, record)

    def _outcome(self, epochs: int, record: RunRecord) -> Outcome:
        seconds = record.cost.busy_s if record.cost else None
        return self._scored(epochs, record.status is Status.FINISHED, record.metrics, seconds)

    def _scored(self, epochs: int, finished: bool, metrics: dict[str, float], seconds: float | None) -> Outcome:
        name = self.study.spec.objectives.metric.name
        stored = metrics.get(f"val/{name}")
        if not finished or stored is None or not math.isfinite(stored):
            return Outcome(epochs, "failed")
        return Outcome(epochs, "finished", stored if HIGHER_IS_BETTER[name] else -stored, seconds)

    def tell(self, changes: Sequence[Change]) -> None:
        """What has happened to runs."""
        for change in changes:
            if change.state is State.FINISHED:
                self.finished.add(change.key)
            if change.key in self._epochs and change.state in (State.FINISHED, State.FAILED, State.NOT_RUN):
                self._ended[change.key] = self._scored(
                    self._epochs[change.key],
                    change.state is State.FINISHED,
                    change.metrics,
                    change.metrics.get(BUSY_S),
                )

    def waiting(self) -> list[Arm]:
        """Of trials whose run was asked for before, and has not ended."""
        return [arm for arm in self.study.trial_arms() if self.study.key_of(arm.name) not in self._ended]

    def ask(self, at_once: int) -> list[Arm]:
        """Arms to train now, until this many trials are under way; when the search is over, bare and its winner."""
        wanted: list[Arm] = []
        while self.over is None:
            history = self.study.history(self._ended)
            if sum(trial.running for trial in history) >= at_once:
                break
            match next_step(self.study.tuning, self.study.spec.budget, history, self._earlier):
                case NewTrial(values, epochs):
                    arm = self.study.start(values, epochs)
                case Promotion(number, epochs):
                    arm = self.study.promote(number, epochs)
                case Later():
                    break
                case Over() as over:
                    self.over = over
                    best = winner(history)
                    return wanted if best is None else [*wanted, *self.study.settle(best.number)]
            if arm is not None:
                wanted.append(arm)
                self._note(self.study.key_of(arm.name), epochs)
        return wanted

    def missing(self, arms: Sequence[Arm]) -> int:
        """How many runs of these arms are still to be trained."""
        return sum(run.key not in self.finished for arm in arms for run in self.study.runs_of(arm))


def tune(study: TuningStudy, home: Home) -> Ended:
    """Go on with the search until its budget is spent and its winner is judged, then write the report.

    Raises:
        DataError: images cannot be decoded.
        ResourceError: another process runs this search, the cluster is too small, or its lanes broke down.
    """
    with run_alone(home, study.spec.study), actors_needed():
        return _tune(study, home)


def _tune(study: TuningStudy, home: Home) -> Ended:
    start = time.monotonic()
    asked, report = study.spec.resources, home.report(study.spec.study)
    search = Search(study, home)
    known = search.waiting()
    first = search.ask(1) if not known else []
    if search.over is not None and not search.missing(first):  # nothing is left to train, so nothing is started
        store.write_plan(home, study.plan())
        write_tuning(load_study(home.root, study.spec.study), report)
        counts = {state.value: 0 for state in State} | {State.FINISHED.value: _num_finished(search)}
        return Ended(counts, False, report, time.monotonic() - start, True, 0, "")
    connect()
    limit = study.spec.budget.trials or study.spec.grid_size() or 10**6
    sizes = size_lanes(asked, *cluster_size(), num_runs=max(limit, 2 * len(study.spec.confirm_seeds)))
    plan = study.plan()
    metrics = {key: search.records[key].metrics for key in search.finished}
    board = Board(plan, metrics, sizes.lanes)
    with (
        Progress(board) as progress,
        Interrupts().caught() as interrupts,
        recording(home.root, plan.study) as recorder,
    ):
        progress.note(str(sizes))
        handles = prepare_all(study.to_prepare(), home, progress)
        ray.get(recorder.start.remote(plan.model_dump_json()))
        queue = queue_actor(StageQueue((), frozenset(), None, asked.max_attempts, more_may_come=True))

        def put(arms: Sequence[Arm]) -> None:
            """Keep the plan, then hand out the runs: a run that is not in the plan would be lost with this process."""
            runs = [run for arm in arms for run in study.runs_of(arm)]
            done = usable(home, runs, search.finished)
            grown = study.plan()
            reused = [run.key for run in runs if run.key in done]
            ray.get(recorder.grow.remote(grown.model_dump_json(), reused))
            board.grow(grown, {key: search.records[key].metrics for key in done if key in search.records})
            ray.get(queue.call.remote("add", [job_of(run, home, asked) for run in runs], done))

        def feed(snapshot: Snapshot) -> None:
            search.tell(snapshot.changes)
            if search.over is not None:
                return
            arms = search.ask(sizes.lanes + AHEAD)
            if arms:
                put(arms)
            finish_search()

        def finish_search() -> None:
            if search.over is not None:
                progress.note(f"the search is over after {search.over.why}; judging the winner with fresh seeds")
                ray.get(queue.call.remote("close"))

        put([*known, *first])
        finish_search()
        snapshot = watch(sizes, queue, recorder, handles, progress, interrupts, asked.hang_timeout_s, feed, POLL_S)
        progress.note("writing the rest to MLflow, and the report ...")
        flushed = write_and_show_report(recorder, home, plan.study, write_tuning)
    seconds = time.monotonic() - start
    return Ended(snapshot.counts, interrupts.count > 0, report, seconds, False, flushed.unprojected, flushed.reason)


def _num_finished(search: Search) -> int:
    plan = search.study.plan()
    keys = {run.key for arm in plan.arms for run in search.study.runs_of(arm)}
    return len(keys & search.finished)
