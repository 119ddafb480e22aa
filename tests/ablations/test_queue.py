"""The queue without Ray: what lanes are told, whoever asks first and whatever dies."""

from itertools import count
from pathlib import Path

import pytest

from ablations.running.queue import Answer, Epoch, LaneWork, StageQueue, State, Stop, Time, Train, Wait
from pipeline.spec.base import content_hash
from pipeline.training.job import StageJob, TimingJob
from tests.ablations.grids import MIXUP, grid, plan_of

SPEC = plan_of(grid(factors={"mixup": MIXUP})).runs[0].spec


def job(name: str, *needs: StageJob) -> StageJob:
    return StageJob(
        stage="main",
        spec_json=SPEC.model_dump_json(),
        stage_hash=content_hash(name),
        seed=0,
        data_key="data",
        ancestors={f"stage {i}": other.key for i, other in enumerate(needs)},
        runs_dir=Path("runs"),
        checkpoint=Path("stages") / name / "last.pt",
        labels=(name,),
    )


A, B, C = job("a"), job("b"), job("c")
TEACHER = job("teacher")
STUDENT = job("student", TEACHER)
GRANDCHILD = job("grandchild", STUDENT)


class Lane:
    """A worker group as the queue sees it: rank 0 and its turns."""

    _numbers = count()

    def __init__(self, queue: StageQueue, name: str) -> None:
        self.queue, self.name = queue, name
        self.restart()

    def restart(self, node: str = "node") -> None:
        """The workers died and Ray started new ones."""
        self.incarnation, self.turn = f"group {next(self._numbers)}", 0
        self.queue.begin(self.name, self.incarnation, node)

    def ask(self) -> Answer:
        return self.queue.next(self.name, self.incarnation, self.turn)

    def hand_in(self, state: State = State.FINISHED) -> None:
        answer = self.ask()
        assert isinstance(answer, Train)
        self.queue.done(self.name, self.incarnation, answer.job.key, state)
        self.turn += 1


def test_what_a_lane_leaves_is_taken_by_another_and_it_gets_nothing_more() -> None:
    queue = StageQueue([A, B], frozenset())
    broken, other = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    assert trains(broken.ask()) is A and trains(other.ask()) is B
    other.hand_in()
    queue.leave("lane 0")
    assert isinstance(broken.ask(), Stop), "a left-over of its workers"
    assert trains(other.ask()) is A
    other.hand_in()
    assert queue.snapshot().counts[State.FINISHED] == 2


def trains(answer: Answer) -> StageJob:
    assert isinstance(answer, Train), answer
    return answer.job


def counts(queue: StageQueue) -> dict[str, int]:
    return {name: number for name, number in queue.snapshot().counts.items() if number}


def test_stages_are_handed_out_in_order_until_none_is_left() -> None:
    queue = StageQueue([A, B, C], frozenset())
    lane = Lane(queue, "lane 0")
    for expected in (A, B, C):
        assert trains(lane.ask()) == expected
        lane.hand_in()
    assert lane.ask() == Stop()
    assert counts(queue) == {"finished": 3}


def test_two_lanes_never_get_the_same_stage() -> None:
    queue = StageQueue([A, B, C], frozenset())
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    assert (trains(one.ask()), trains(two.ask())) == (A, B)
    one.hand_in()
    assert trains(one.ask()) == C
    two.hand_in()
    assert isinstance(two.ask(), Wait), "C may come back"
    one.hand_in()
    assert two.ask() == Stop() and one.ask() == Stop()


def test_what_an_earlier_invocation_finished_is_not_handed_out() -> None:
    queue = StageQueue([A, TEACHER, STUDENT], frozenset({A.key, TEACHER.key}))
    lane = Lane(queue, "lane 0")
    assert trains(lane.ask()) == STUDENT
    assert counts(queue) == {"finished": 2, "running": 1}


def test_a_stage_waits_for_its_ancestor_and_others_go_first() -> None:
    queue = StageQueue([TEACHER, STUDENT, A], frozenset())
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    assert trains(one.ask()) == TEACHER
    assert trains(two.ask()) == A, "the student's teacher still runs"
    two.hand_in()
    assert isinstance(two.ask(), Wait)
    one.hand_in()
    assert trains(two.ask()) == STUDENT


def test_what_needs_a_failed_run_is_not_run_down_to_the_last_descendant() -> None:
    queue = StageQueue([TEACHER, STUDENT, GRANDCHILD, A], frozenset())
    lane = Lane(queue, "lane 0")
    lane.ask()
    lane.hand_in(State.FAILED)
    assert trains(lane.ask()) == A
    lane.hand_in()
    assert lane.ask() == Stop()
    assert counts(queue) == {"failed": 1, "not run": 2, "finished": 1}


def test_a_restarted_lanes_stage_goes_back_and_fails_after_so_many_attempts() -> None:
    queue = StageQueue([A, B], frozenset(), max_attempts=3)
    lane = Lane(queue, "lane 0")
    for attempt in (1, 2, 3):
        assert lane.ask() == Train(A, attempt)
        queue.fault(lane.name, lane.incarnation, f"reason {attempt}")
        lane.restart()
    assert trains(lane.ask()) == B
    (lost,) = queue.snapshot().lost
    assert (lost.job, lost.attempts, lost.reason) == (A, 3, "reason 3")
    assert queue.snapshot().lost == (), "each lost run is reported once"
    assert counts(queue) == {"failed": 1, "running": 1}


def test_a_death_without_a_word_has_a_reason_too_and_fails_descendants() -> None:
    queue = StageQueue([TEACHER, STUDENT], frozenset(), max_attempts=1)
    lane = Lane(queue, "lane 0")
    lane.ask()
    lane.restart()
    assert lane.ask() == Stop()
    assert "died without a word" in queue.snapshot().lost[0].reason
    assert counts(queue) == {"failed": 1, "not run": 1}


def test_a_death_between_stages_counts_on_nothing() -> None:
    queue = StageQueue([A, B], frozenset(), max_attempts=1)
    lane = Lane(queue, "lane 0")
    lane.restart()
    lane.ask()
    lane.hand_in()
    lane.restart()
    assert lane.ask() == Train(B, 1)
    assert queue.snapshot().lost == ()


def test_another_lane_takes_over_what_a_dead_one_left() -> None:
    queue = StageQueue([A], frozenset())
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    one.ask()
    one.restart()
    assert two.ask() == Train(A, 2)
    assert isinstance(one.ask(), Wait)


def test_beginning_twice_with_one_incarnation_is_one_beginning() -> None:
    """Every rank of a group says that it begins."""
    queue = StageQueue([A, B], frozenset(), max_attempts=1)
    lane = Lane(queue, "lane 0")
    assert trains(lane.ask()) == A
    queue.begin(lane.name, lane.incarnation, "node")
    assert trains(lane.ask()) == A
    assert queue.snapshot().lost == ()


def test_two_ranks_get_equal_answers_in_any_order() -> None:
    for first, second in ((0, 1), (1, 0)):
        queue = StageQueue([A, B, C], frozenset())
        queue.begin("lane 0", "group", "node")
        turns = [0, 0]
        seen: list[list[StageJob]] = [[], []]
        for _ in (A, B, C):
            for rank in (first, second):
                seen[rank].append(trains(queue.next("lane 0", "group", turns[rank])))
                turns[rank] += 1
            queue.done("lane 0", "group", seen[0][-1].key, State.FINISHED)
        assert seen == [[A, B, C], [A, B, C]]
        assert queue.next("lane 0", "group", turns[first]) == queue.next("lane 0", "group", turns[second]) == Stop()


def test_a_rank_that_asks_before_the_run_is_handed_in_waits_for_it() -> None:
    """Rank 0 writes the record while rank 1 is back already: an answer now would differ from what rank 0 is told."""
    queue = StageQueue([A, B, C], frozenset())
    queue.begin("lane 0", "group", "node")
    assert trains(queue.next("lane 0", "group", 0)) == A
    assert isinstance(queue.next("lane 0", "group", 1), Wait), "rank 1, one turn ahead"
    queue.done("lane 0", "group", A.key, State.FINISHED)
    assert trains(queue.next("lane 0", "group", 1)) == B, "rank 0"
    assert trains(queue.next("lane 0", "group", 1)) == B, "rank 1"
    assert counts(queue) == {"finished": 1, "running": 1, "pending": 1}


def test_a_stale_incarnation_is_told_to_stop_and_is_not_believed() -> None:
    queue = StageQueue([A, B], frozenset())
    lane = Lane(queue, "lane 0")
    lane.ask()
    stale = lane.incarnation
    lane.restart()
    assert queue.next("lane 0", stale, 1) == Stop()
    assert trains(lane.ask()) == A
    queue.done("lane 0", stale, A.key, State.FAILED)
    queue.progress("lane 0", stale, Epoch(99, 100, 0.5))
    queue.fault("lane 0", stale, "old news")
    assert counts(queue) == {"running": 1, "pending": 1}
    assert queue.snapshot().lanes["lane 0"].epoch is None
    lane.hand_in()
    assert counts(queue) == {"finished": 1, "pending": 1}


def test_draining_finishes_what_runs_and_starts_nothing_new() -> None:
    queue = StageQueue([A, B], frozenset(), timing=TimingJob("block", (A, B)))
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    one.ask()
    queue.drain()
    assert isinstance(two.ask(), Wait), "A may still come back"
    one.hand_in()
    assert one.ask() == two.ask() == Stop(), "nor is anything timed"
    assert counts(queue) == {"finished": 1, "pending": 1}


def test_timing_comes_when_nothing_runs_and_goes_to_one_lane() -> None:
    queue = StageQueue([A, B], frozenset(), timing=TimingJob("block", (A, B), rounds=2))
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    one.ask()
    two.ask()
    one.hand_in()
    assert isinstance(one.ask(), Wait), "B runs"
    two.hand_in(State.FAILED)
    answer = one.ask()
    assert isinstance(answer, Time)
    assert (answer.timing.jobs, answer.timing.rounds) == ((A,), 2), "a failed stage is not timed"
    assert isinstance(two.ask(), Wait)
    assert one.ask() == answer, "the other ranks get the same"
    assert queue.snapshot().timing == "running"
    queue.timed(one.name, one.incarnation)
    one.turn += 1
    assert one.ask() == two.ask() == Stop()
    assert queue.snapshot().timing == "done"


def test_timing_alone_is_work_too_and_happens_once() -> None:
    queue = StageQueue([A], frozenset({A.key}), timing=TimingJob("block", (A,)))
    lane = Lane(queue, "lane 0")
    assert isinstance(lane.ask(), Time)
    queue.timed(lane.name, lane.incarnation)
    lane.turn += 1
    assert lane.ask() == Stop()


def test_timing_that_kills_its_worker_is_given_up_after_so_many_attempts() -> None:
    queue = StageQueue([A], frozenset({A.key}), timing=TimingJob("block", (A,)), max_attempts=2)
    lane = Lane(queue, "lane 0")
    for _ in range(2):
        assert isinstance(lane.ask(), Time)
        lane.restart()
    assert lane.ask() == Stop()
    assert counts(queue) == {"finished": 1}, "the study is complete without it"


@pytest.mark.parametrize("epoch", [None, Epoch(2, 3, 0.25)])
def test_the_snapshot_says_what_each_lane_does(epoch: Epoch | None) -> None:
    queue = StageQueue([A], frozenset())
    lane, idle = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    lane.ask()
    idle.ask()
    if epoch:
        queue.progress(lane.name, lane.incarnation, epoch)
    assert queue.snapshot().lanes == {"lane 0": LaneWork(A.key, "a seed 0", epoch)}
    lane.hand_in()
    assert queue.snapshot().lanes == {}


def test_the_snapshot_says_once_what_has_changed_with_the_scores_of_a_run_that_finished() -> None:
    queue = StageQueue([A, TEACHER, STUDENT], frozenset())
    lane = Lane(queue, "lane 0")
    lane.ask()
    queue.done(lane.name, lane.incarnation, A.key, State.FINISHED, metrics={"val/top1": 0.75})
    lane.turn += 1
    lane.ask()
    queue.done(lane.name, lane.incarnation, TEACHER.key, State.FAILED, "Diverged: nan")
    found = queue.snapshot().changes
    assert [(change.key, change.state, change.reason, change.metrics) for change in found] == [
        (A.key, State.RUNNING, "", {}),
        (A.key, State.FINISHED, "", {"val/top1": 0.75}),
        (TEACHER.key, State.RUNNING, "", {}),
        (TEACHER.key, State.FAILED, "Diverged: nan", {}),
        (STUDENT.key, State.NOT_RUN, "stage 0 failed", {}),
    ]
    assert [change.at_s for change in found] == sorted(change.at_s for change in found)
    assert queue.snapshot().changes == ()


def test_a_queue_that_waits_for_more_takes_runs_until_it_is_closed() -> None:
    queue = StageQueue([A], frozenset(), more_may_come=True)
    lane = Lane(queue, "lane 0")
    assert trains(lane.ask()) == A
    lane.hand_in()
    assert isinstance(lane.ask(), Wait), "there may come more"
    queue.add([A, STUDENT, TEACHER], frozenset())
    assert counts(queue) == {"finished": 1, "pending": 2}, "A is known"
    assert trains(lane.ask()) == TEACHER
    lane.hand_in()
    queue.close()
    assert trains(lane.ask()) == STUDENT
    lane.hand_in()
    assert lane.ask() == Stop()


def test_runs_that_are_added_may_be_finished_or_hopeless_already() -> None:
    queue = StageQueue([TEACHER], frozenset(), more_may_come=True)
    lane = Lane(queue, "lane 0")
    assert trains(lane.ask()) == TEACHER
    lane.hand_in(State.FAILED)
    queue.add([A, STUDENT], frozenset({A.key}))
    assert counts(queue) == {"failed": 1, "finished": 1, "not run": 1}
    queue.drain()
    assert lane.ask() == Stop(), "nobody adds anything after an interrupt"
