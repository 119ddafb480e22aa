import io
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from ablations.records.study_runs import study_runs
from ablations.running.board import Board
from ablations.running.display import Progress, duration, live_lines, summary, verdict_table
from ablations.running.queue import LaneWork, Snapshot, State
from ablations.running.stages import Change
from reports.analysis.study import analyse
from reports.records.load import load_study
from tests.reports.factorial import factorial_study
from tests.reports.fixtures import FACTORS, Options, make_plan, write_home

PLAN = make_plan(Options())
KEYS = [run.key for run in study_runs(PLAN)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def told(*changes: Change, timing: str = "", lanes: dict[str, LaneWork] | None = None) -> Snapshot:
    return Snapshot({}, lanes or {}, (), timing, changes, 0.0, over=False)


def finish(key: str) -> tuple[Change, Change]:
    return Change(key, State.RUNNING, 0.0), Change(key, State.FINISHED, 60.0, metrics={"val/top1": 0.7})


class Clock:
    """Time as the test wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr("ablations.running.display.time.monotonic", lambda: self.now_s)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_summary_names_only_what_there_is() -> None:
    board = Board(PLAN, {}, 2)
    total = len(KEYS)
    assert summary(board, 0.0) == f"0/{total} runs done, 0 s so far, waiting for the lanes"
    failed = (Change(KEYS[2], State.RUNNING, 0.0), Change(KEYS[2], State.FAILED, 1.0, "x"))
    waits = Change(KEYS[3], State.NOT_RUN, 1.0)
    busy = {"lane 0": LaneWork(KEYS[4], "")}
    running = Change(KEYS[4], State.RUNNING, 1.0)
    board.update(told(*finish(KEYS[0]), *finish(KEYS[1]), *failed, waits, running, timing="waiting", lanes=busy))
    assert summary(board, 75.0) == (
        f"4/{total} runs done, 1 running, 1 failed, 1 not run, 1 min 15 s so far, {board.left_text()}, "
        "then the cost block"
    )
    board.update(told(timing="running"))
    assert summary(board, 75.0).endswith(", measuring cost")


def test_a_log_gets_a_line_now_and_then_with_what_finished_and_no_control_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, stream = Clock(monkeypatch), io.StringIO()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        for second in range(46):
            clock.now_s = float(second)
            progress.show(told(*finish(KEYS[second]) if second < len(KEYS) else ()))
        progress.note("a line that stays")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5, lines  # at 0, 15, 30 and 45 s, and the note
    assert "finished: " in lines[1]
    assert lines[1].count("top-1 accuracy 70.00") == 3
    assert "and 12 more" in lines[1]
    assert lines[-1] == "a line that stays"
    assert "\x1b" not in stream.getvalue()


def test_a_log_of_days_has_a_line_every_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = Clock(monkeypatch), io.StringIO()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        for minute in range(24 * 60):
            clock.now_s = 60.0 * minute
            progress.show(told())
    assert 24 * 12 <= len(stream.getvalue().splitlines()) <= 24 * 12 + 60


def test_a_run_whose_worker_died_is_said_to_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    stream = io.StringIO()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        back = Change(KEYS[0], State.PENDING, 1.0, "the worker process died without a word")
        progress.show(told(Change(KEYS[0], State.RUNNING, 0.0), back))
    assert stream.getvalue().splitlines()[0] == "tried again: bare seed 0: the worker process died without a word"


def test_a_failure_is_said_at_once_and_a_flood_of_them_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = Clock(monkeypatch), io.StringIO()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        progress.show(told())
        clock.now_s = 1.0
        for key in KEYS[:12]:
            reason = "Diverged: [loss] is nan\n" + "x" * 500
            progress.show(told(Change(key, State.RUNNING, 0.0), Change(key, State.FAILED, 1.0, reason)))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 10 + 1
    assert lines[1].startswith("failed: bare seed 0: Diverged: [loss] is nan")
    assert max(map(len, lines)) < 220
    assert "more runs fail;" in lines[-1]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 12)])
def test_a_terminal_of_any_size_is_not_overrun(width: int, height: int) -> None:
    board = Board(PLAN, {}, 2)
    board.update(told(*finish(KEYS[0]), lanes={f"lane {i}": LaneWork(KEYS[1], "", None) for i in range(2)}))
    lines = live_lines(board, 75.0, width, height, plain=False)
    assert max(map(len, lines)) <= width
    assert len(lines) < height or height == 12, "below 24 lines the counts, three lines of arms and the lanes stay"
    assert any("✓" in line for line in lines)
    assert lines[0].startswith("1/")


def test_a_terminal_shows_marks_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        progress.show(told(*finish(KEYS[0])))
    text = stream.getvalue()
    assert "\x1b[" in text
    assert "✓" in text
    assert "No verdicts while it runs" in " ".join(text.split())


def test_a_terminal_without_control_codes_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(Board(PLAN, {}, 1), stream) as progress:
        progress.show(told(*finish(KEYS[0])))
    assert stream.getvalue().splitlines()[0].startswith("1/")
    assert "\x1b" not in stream.getvalue()


def test_the_table_after_a_run_has_the_columns_of_the_design() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=160)
    console.print(verdict_table("s", analyse(factorial_study()), console))
    head, first = (line for line in stream.getvalue().splitlines() if "factor" in line or line.startswith("│ a "))
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == [
        "factor", "averaged over the others", "verdict", "step cost",
    ]  # fmt: skip
    assert [cell.strip() for cell in first.strip("│").split("│")] == [
        "a",
        "+0.57 pt [0.40, 0.75]",
        "helps",
        "not timed",
    ]


@pytest.mark.parametrize(("width", "lines_per_row"), [(80, 2), (150, 1)])
def test_a_row_of_the_table_takes_two_lines_at_most_in_a_narrow_terminal(
    tmp_path: Path, width: int, lines_per_row: int
) -> None:
    write_home(tmp_path, Options(pictures=False))
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    console.print(verdict_table("s", analyse(load_study(tmp_path, "clothing-tricks")), console))
    lines = [line.strip("│ ") for line in stream.getvalue().splitlines()]
    starts = [next(i for i, line in enumerate(lines) if line.startswith(factor)) for factor in (*FACTORS, "placebo")]
    assert {b - a for a, b in pairwise(starts)} == {lines_per_row}
    assert max(map(len, stream.getvalue().splitlines())) <= width
    first = " ".join(lines[starts[0] : starts[1]])
    assert "cosine" in first and "helps" in first and "+3." in first and "]" in first
