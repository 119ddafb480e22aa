"""The queue when a machine goes away, a rank hangs or memory does not hold a shard."""

from ablations.running.hangs import Stall
from ablations.running.queue import StageQueue, Stop, Time, Train, Wait
from pipeline.training.job import TimingJob
from tests.ablations.test_queue import A, B, Lane, counts, job, trains

HERE, THERE = "here", "there"
ALONE = frozenset({HERE})


def test_what_a_lost_machine_did_goes_to_another_lane_and_its_lane_may_come_back() -> None:
    queue = StageQueue([A, B], frozenset())
    one, two = Lane(queue, "lane 0"), Lane(queue, "lane 1")
    one.restart(HERE)
    two.restart(THERE)
    assert (trains(one.ask()), trains(two.ask())) == (A, B)
    assert queue.keep(frozenset({HERE, THERE})) == ()
    assert queue.keep(ALONE) == ("lane 1",)
    assert queue.keep(ALONE) == (), "said once"
    assert two.ask() == Stop(), "a left-over that still breathes is not believed"
    one.hand_in()
    assert one.ask() == Train(B, 2)
    two.restart(HERE)
    assert isinstance(two.ask(), Wait)


def test_a_group_that_lost_one_of_its_machines_is_lost() -> None:
    queue = StageQueue([A], frozenset())
    lane = Lane(queue, "lane 0")
    lane.restart(HERE)
    queue.begin(lane.name, lane.incarnation, THERE)
    lane.ask()
    assert queue.keep(ALONE) == ("lane 0",)
    assert counts(queue) == {"pending": 1}


def test_a_machine_lost_too_often_is_a_failed_run_that_says_so() -> None:
    queue = StageQueue([A], frozenset(), max_attempts=1)
    lane = Lane(queue, "lane 0")
    lane.ask()
    queue.keep(ALONE)
    (lost,) = queue.snapshot().lost
    assert lost.reason == "its machine went away" and lost.hung_at is None


def test_timing_on_a_lost_machine_is_done_again() -> None:
    queue = StageQueue([A], frozenset({A.key}), TimingJob("block", (A,)))
    lane = Lane(queue, "lane 0")
    assert isinstance(lane.ask(), Time)
    queue.keep(ALONE)
    assert queue.snapshot().timing == "waiting" and not queue.snapshot().over
    lane.restart(HERE)
    assert isinstance(lane.ask(), Time)


def test_it_is_over_when_nothing_runs_and_nothing_will() -> None:
    queue = StageQueue([A, B], frozenset())
    lane = Lane(queue, "lane 0")
    assert not queue.snapshot().over
    lane.hand_in()
    lane.ask()
    queue.drain()
    assert not queue.snapshot().over, "what runs is finished"
    queue.keep(frozenset())
    assert queue.snapshot().over, "drained: what is pending stays so"


def test_while_more_may_come_it_is_not_over() -> None:
    queue = StageQueue([], frozenset(), more_may_come=True)
    assert not queue.snapshot().over
    queue.close()
    assert queue.snapshot().over


def test_a_hang_names_the_trial_the_step_and_the_rank_that_never_arrived() -> None:
    queue = StageQueue([job("+mixup")], frozenset(), max_attempts=1)
    lane = Lane(queue, "lane 0")
    lane.ask()
    assert not queue.stalled(lane.name, lane.incarnation, 2, Stall(0, 17, True, 61.0, "backward (graph.py, line 1)"))
    assert queue.stalled(lane.name, lane.incarnation, 2, Stall(1, 17, False, 60.0, "edit_batch (own.py, line 7)"))
    queue.fault(lane.name, lane.incarnation, "rank 0: RuntimeError: connection closed")
    lane.restart()
    (lost,) = queue.snapshot().lost
    assert lost.hung_at == 17
    assert lost.reason.startswith("+mixup seed 0 hangs at step 17: no batch and no step for 60 s. ")
    assert "rank 1 in edit_batch (own.py, line 7); rank 0 waited for it in vain" in lost.reason
    assert "resources.hang_timeout_s" in lost.reason


def test_a_hang_of_an_earlier_group_is_no_reason() -> None:
    queue = StageQueue([A], frozenset(), max_attempts=2)
    lane = Lane(queue, "lane 0")
    lane.ask()
    queue.stalled(lane.name, lane.incarnation, 1, Stall(0, 3, False, 60.0, "f"))
    earlier = lane.incarnation
    lane.restart()
    lane.ask()
    assert queue.stalled(lane.name, earlier, 1, Stall(0, 3, False, 60.0, "f")), "it need not wait for others"
    lane.restart()
    (lost,) = queue.snapshot().lost
    assert "died without a word" in lost.reason and lost.hung_at is None


def test_a_run_that_was_divided_stays_so_in_later_attempts_and_when_it_is_timed() -> None:
    queue = StageQueue([A], frozenset(), TimingJob("block", (A,)))
    lane = Lane(queue, "lane 0")
    lane.ask()
    queue.divide(lane.name, lane.incarnation, A.key, 4)
    queue.divide(lane.name, lane.incarnation, A.key, 2)  # the other rank, later
    lane.restart()
    assert trains(lane.ask()).num_parts == 4
    lane.hand_in()
    timed = lane.ask()
    assert isinstance(timed, Time) and timed.timing.jobs[0].num_parts == 4
