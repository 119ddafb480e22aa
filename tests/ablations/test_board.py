from ablations.records.study_runs import study_runs
from ablations.running.board import Board, Ended
from ablations.running.queue import Epoch, LaneWork, Snapshot, State
from ablations.running.stages import Change
from pipeline.spec.records import run_key
from tests.reports.fixtures import Options, make_plan

PLAN = make_plan(Options())
NAMES = {run.name: run.key for run in study_runs(PLAN)}
BARE, TEACHER = NAMES["bare seed 0"], NAMES["teacher seed 0"]


def told(*changes: Change, now_s: float = 0.0, lanes: dict[str, LaneWork] | None = None, timing: str = "") -> Snapshot:
    return Snapshot({}, lanes or {}, (), timing, changes, now_s, over=False)


def took(key: str, seconds: float, top1: float = 0.7, start_s: float = 0.0) -> tuple[Change, Change]:
    return (
        Change(key, State.RUNNING, start_s),
        Change(key, State.FINISHED, start_s + seconds, metrics={"val/top1": top1}),
    )


def test_an_arm_shows_its_own_runs_and_the_mean_of_those_that_have_finished() -> None:
    board = Board(PLAN, {NAMES["bare seed 1"]: {"val/top1": 0.72}}, 2)
    board.update(told(*took(BARE, 60, top1=0.70), Change(NAMES["+mixup seed 0"], State.RUNNING, 60.0)))
    rows = {row.name: row for row in board.rows()}
    assert rows["bare"].marks == ("finished", "finished", "missing")
    assert rows["bare"].note == "71.00 n=2", "the mean of 70 and 72"
    assert rows["+mixup"].marks == ("running", "missing", "missing")
    assert rows["+mixup"].note == ""
    assert (board.num_over, board.num_runs) == (2, len(study_runs(PLAN)))


def test_an_arm_whose_teacher_trains_is_running_and_is_blocked_when_that_fails() -> None:
    board = Board(PLAN, {}, 1)
    board.update(told(Change(TEACHER, State.RUNNING, 0.0)))
    state = {row.name: row.marks[0] for row in board.rows()}
    assert [name for name, mark in state.items() if mark == "running"] == [
        arm.name for arm in PLAN.arms if "distill" in arm.factors
    ]
    student = run_key(PLAN.arm("+distill").final.stage_hash, 0)
    board.update(
        told(Change(TEACHER, State.FAILED, 1.0, "Diverged: nan"), Change(student, State.NOT_RUN, 1.0, "teacher failed"))
    )
    assert {row.name: row.marks[0] for row in board.rows()}["+distill"] == "blocked"
    assert board.take_ended() == (Ended("teacher seed 0", State.FAILED, "Diverged: nan"),)
    assert board.take_ended() == ()
    assert (board.num(State.FAILED), board.num(State.NOT_RUN)) == (1, 1)


def test_a_run_that_was_put_back_counts_from_its_new_start() -> None:
    board = Board(PLAN, {}, 1)
    lost = (Change(BARE, State.RUNNING, 0.0), Change(BARE, State.PENDING, 500.0, "the worker died"))
    board.update(told(*lost, *took(BARE, 60, start_s=500.0), *took(TEACHER, 60, start_s=560.0)))
    left = board.num_runs - 2
    assert board.left_text() == f"about {left} min left", "two runs of a minute each, without spread"


def test_before_two_runs_have_finished_the_epochs_give_a_guess_also_after_a_resume() -> None:
    board = Board(PLAN, {key: {} for key in NAMES.values() if key not in (BARE, TEACHER)}, 1)
    assert board.left_text() == ""

    def at(number: int, now_s: float) -> Snapshot:
        lanes = {"lane 0": LaneWork(BARE, "bare seed 0", Epoch(number, 12, 0.431))}
        return told(now_s=now_s, lanes=lanes)

    board.update(told(Change(BARE, State.RUNNING, 0.0)))
    board.update(at(7, 100.0))  # resumed after its sixth: how long that took is unknown
    assert board.left_text() == ""
    board.update(at(8, 130.0))
    board.update(at(8, 145.0))
    # 30 s an epoch, 12 a run: 4 epochs of this one, and one run more
    assert board.left_text() == "about 8 min left by the first epochs"
    assert board.lane_text(board.lanes["lane 0"]) == "bare seed 0, epoch 8/12, val top-1 43.1%"
    assert board.lane_text(LaneWork(BARE, "")) == "bare seed 0, first epoch"
    assert board.lane_text(LaneWork("", "timing round 1/3")) == "timing round 1/3"


def test_nothing_is_left_when_all_is_over() -> None:
    board = Board(PLAN, {key: {} for key in NAMES.values()}, 1)
    assert board.left_text() == ""
    assert board.num_over == board.num_runs


def test_a_stage_without_labels_says_who_is_right_so_often() -> None:
    board = Board(PLAN, {}, 1)
    work = LaneWork(BARE, "bare seed 0", Epoch(2, 5, 0.355, "k-NN"))
    assert board.lane_text(work) == "bare seed 0, epoch 2/5, val k-NN 35.5%"


def test_a_plan_that_grows_keeps_what_is_known_and_shows_the_new_arms() -> None:
    small = PLAN.model_copy(update={"arms": PLAN.arms[:1], "comparisons": ()})
    board = Board(small, {}, 1)
    board.update(told(*took(BARE, 60, top1=0.70)))
    board.grow(PLAN, {NAMES["bare seed 1"]: {"val/top1": 0.1}, NAMES["+mixup seed 0"]: {"val/top1": 0.8}})
    rows = {row.name: row for row in board.rows()}
    assert (rows["bare"].marks[0], rows["bare"].note) == ("finished", "70.00 n=1"), "seed 1 was known, as not yet run"
    assert rows["+mixup"].note == "80.00 n=1"
    assert (board.num_over, board.num_runs) == (2, len(study_runs(PLAN)))
    board.update(told(*took(NAMES["+mixup seed 1"], 60, top1=0.6)))
    assert {row.name: row.note for row in board.rows()}["+mixup"] == "70.00 n=2"
