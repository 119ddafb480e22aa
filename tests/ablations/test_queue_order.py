"""The queue beside a slow one that looks through every stage at every call: same answers, same states, to the end."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.running.queue import Answer, StageQueue, State, Stop, Time, Train, Wait
from ablations.running.stages import Stages
from pipeline.spec.base import content_hash
from pipeline.training.job import StageJob, TimingJob
from tests.ablations.grids import MIXUP, grid, plan_of

SPEC = plan_of(grid(factors={"mixup": MIXUP})).runs[0].spec
LANES: tuple[str, ...] = ("lane 0", "lane 1", "lane 2")
MAX_ATTEMPTS = 2
DEAD = (State.FAILED, State.NOT_RUN)
TO_THE_END = 20  # rounds of all lanes; more than these small plans need


def job(name: str, needs: Sequence[StageJob] = ()) -> StageJob:
    return StageJob(
        stage="main",
        spec_json=SPEC.model_dump_json(),
        stage_hash=content_hash(name),
        seed=0,
        data_key="data",
        ancestors={f"stage {other.labels[0]}": other.key for other in needs},
        runs_dir=Path("runs"),
        checkpoint=Path("last.pt"),
        labels=(name,),
    )


class SlowQueue:
    """What StageQueue promises, in the most obvious way."""

    def __init__(self, jobs: list[StageJob], finished: frozenset[str], timing: bool) -> None:
        self.jobs = jobs
        self.state = {j.key: State.FINISHED if j.key in finished else State.PENDING for j in jobs}
        self.attempts = dict.fromkeys(self.state, 0)
        self.doing: dict[str, Any] = {}
        self.lost: list[str] = []
        self.timing = "waiting" if timing else ""
        self.timing_attempts = 0
        self.draining = False

    def ask(self, lane: str) -> Any:
        if lane not in self.doing:
            answer = self.choose()
            if answer == "wait":
                return answer
            self.doing[lane] = answer
        return self.doing[lane]

    def choose(self) -> Any:
        if self.timing == "running":
            return "wait"
        self.skip_orphans()
        for j in self.jobs:
            ready = all(self.state[key] is State.FINISHED for key in j.ancestors.values())
            if self.state[j.key] is State.PENDING and ready and not self.draining:
                self.state[j.key] = State.RUNNING
                self.attempts[j.key] += 1
                return ("train", j.key, self.attempts[j.key])
        if State.RUNNING in self.state.values():
            return "wait"
        if self.draining or self.timing != "waiting":
            return "stop"
        self.timing = "running"
        self.timing_attempts += 1
        return ("time", [j.key for j in self.jobs if self.state[j.key] is State.FINISHED])

    def skip_orphans(self) -> None:
        for j in self.jobs:
            if self.state[j.key] is State.PENDING and any(self.state[key] in DEAD for key in j.ancestors.values()):
                self.state[j.key] = State.NOT_RUN

    def hand_in(self, lane: str, state: State) -> None:
        self.state[self.doing.pop(lane)[1]] = state

    def timed(self, lane: str) -> None:
        del self.doing[lane]
        self.timing = "done"

    def die(self, lane: str) -> None:
        kind, *what = self.doing.pop(lane, ("stop",))
        if kind == "train":
            lost = self.attempts[what[0]] >= MAX_ATTEMPTS
            self.state[what[0]] = State.FAILED if lost else State.PENDING
            self.lost += [what[0]] if lost else []
        if kind == "time":
            self.timing = "waiting" if self.timing_attempts < MAX_ATTEMPTS else "done"


class Pair:
    """Both queues, told the same."""

    def __init__(self, jobs: list[StageJob], finished: frozenset[str], timing: bool) -> None:
        self.jobs = jobs
        self.slow = SlowQueue(jobs, finished, timing)
        self.fast = StageQueue(jobs, finished, TimingJob("block", tuple(jobs)) if timing else None, MAX_ATTEMPTS)
        self.turn = dict.fromkeys(LANES, 0)
        self.deaths = dict.fromkeys(LANES, 0)
        self.lost: list[str] = []
        for lane in LANES:
            self.fast.begin(lane, self.group(lane), "node")

    def group(self, lane: str) -> str:
        return f"group {self.deaths[lane]}"

    def ask(self, lane: str) -> Any:
        told = plain(self.fast.next(lane, self.group(lane), self.turn[lane]))
        assert told == self.slow.ask(lane)
        return told

    def act(self, lane: str, event: str) -> None:
        """The lane asks, and then this happens to it."""
        told = self.ask(lane)
        if event == "dies":
            self.slow.die(lane)
            self.deaths[lane] += 1
            self.turn[lane] = 0
            self.fast.begin(lane, self.group(lane), "node")
        elif event == "drain":
            self.slow.draining = True
            self.fast.drain()
        elif event in ("finishes", "fails") and told[0] == "train":
            state = State.FINISHED if event == "finishes" else State.FAILED
            self.slow.hand_in(lane, state)
            self.fast.done(lane, self.group(lane), told[1], state)
            self.turn[lane] += 1
        elif event in ("finishes", "fails") and told[0] == "time":
            self.slow.timed(lane)
            self.fast.timed(lane, self.group(lane))
            self.turn[lane] += 1

    def compare(self) -> None:
        self.slow.skip_orphans()
        snapshot = self.fast.snapshot()
        self.lost += [lost.job.key for lost in snapshot.lost]
        stages = self.fast._stages
        assert {j.key: stages[j.key].state for j in self.jobs} == self.slow.state
        assert snapshot.counts == {s.value: list(self.slow.state.values()).count(s) for s in State}
        assert self.lost == self.slow.lost
        for j in self.jobs:
            if stages[j.key].state is State.NOT_RUN:
                dead = [name for name, key in j.ancestors.items() if stages[key].state in DEAD]
                assert stages[j.key].reason in [f"{name} failed" for name in dead]


def plain(answer: Answer) -> Any:
    match answer:
        case Train(job, attempt):
            return ("train", job.key, attempt)
        case Time(timing):
            return ("time", [j.key for j in timing.jobs])
        case Wait():
            return "wait"
        case Stop():
            return "stop"


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[StageJob], frozenset[str]]:
    """Jobs that need any of the earlier ones, and which of them an earlier invocation finished."""
    jobs: list[StageJob] = []
    for number in range(draw(st.integers(1, 10))):
        needs = draw(st.lists(st.sampled_from(jobs), max_size=3, unique_by=lambda j: j.key)) if jobs else []
        jobs.append(job(f"job {number}", needs))
    finished = draw(st.sets(st.sampled_from([j.key for j in jobs]), max_size=len(jobs) // 2))
    return jobs, frozenset(finished)


EVENTS = st.sampled_from(["finishes"] * 6 + ["fails", "dies", "dies", "only asks"])


@settings(max_examples=300, deadline=None)
@given(
    plan=plans(),
    timing=st.booleans(),
    events=st.lists(st.tuples(st.sampled_from(LANES), EVENTS), max_size=60),
    drain_at=st.none() | st.integers(0, 20),
)
def test_it_answers_as_one_that_looks_through_everything(
    plan: tuple[list[StageJob], frozenset[str]],
    timing: bool,
    events: list[tuple[str, str]],
    drain_at: int | None,
) -> None:
    pair = Pair(*plan, timing)
    for number, (lane, event) in enumerate(events):
        pair.act(lane, "drain" if number == drain_at else event)
        pair.compare()
    for _ in range(TO_THE_END):
        for lane in LANES:
            pair.act(lane, "finishes")
    pair.compare()
    assert [pair.ask(lane) for lane in LANES] == ["stop"] * len(LANES)
    assert pair.slow.draining or State.PENDING not in pair.slow.state.values()
    assert State.RUNNING not in pair.slow.state.values()


def test_a_chain_longer_than_the_interpreters_stack_is_sent_and_given_up() -> None:
    chain = [job("job 0")]
    for number in range(1, 2000):
        chain.append(job(f"job {number}", chain[-1:]))
    stages: Stages = pickle.loads(pickle.dumps(Stages(chain, frozenset())))
    first = stages.start_next()
    assert first is not None
    stages.settle(first.job.key, State.FAILED)
    assert stages.count(State.NOT_RUN) == 1999
    assert stages.start_next() is None


def test_a_run_that_needs_one_that_is_not_planned_is_refused() -> None:
    with pytest.raises(KeyError):
        Stages([job("student", [job("teacher")])], frozenset())
