import io

import pytest
from rich.console import Console

from ablations.running.display import Progress, duration, verdict_table
from ablations.running.queue import Snapshot, State
from reports.analysis.study import analyse
from tests.reports.factorial import factorial_study


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


def snapshot(timing: str = "", **counts: int) -> Snapshot:
    lanes = {"lane 1": "+mixup seed 0 epoch 2/3", "lane 0": "bare seed 1"}
    return Snapshot({state.value: counts.get(state.name, 0) for state in State}, lanes, (), timing)


def test_a_summary_names_only_what_there_is() -> None:
    progress = Progress(10, io.StringIO())
    assert progress.summary(snapshot(PENDING=10)) == "0/10 runs done, 0 s so far"
    text = progress.summary(snapshot("running", FINISHED=2, FAILED=1, NOT_RUN=1, RUNNING=2, PENDING=4))
    assert text.startswith("4/10 runs done, 2 running, 1 failed, 1 not run, measuring cost, 0 s so far")


def test_time_left_is_measured_on_what_this_invocation_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("ablations.running.display.time.monotonic", lambda: now[0])
    progress = Progress(10, io.StringIO())
    assert "left" not in progress.summary(snapshot(FINISHED=4, PENDING=6)), "4 were done before"
    now[0] += 60.0
    assert "left" not in progress.summary(snapshot(FINISHED=4, PENDING=6))
    # 2 runs in 60 s, 4 more to go
    assert progress.summary(snapshot(FINISHED=6, PENDING=4)).endswith("1 min 00 s so far, about 2 min 00 s left")
    assert "left" not in progress.summary(snapshot(FINISHED=10))


def test_a_log_gets_a_line_now_and_then_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ablations.running.display.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    with Progress(10, stream) as progress:
        for second in range(0, 46):
            now[0] = float(second)
            progress.show(snapshot(FINISHED=second // 10, PENDING=10 - second // 10))
        progress.note("a line that stays")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5, lines  # at 0, 15, 30 and 45 s, and the note
    assert lines[0].endswith("| lane 0: bare seed 1; lane 1: +mixup seed 0 epoch 2/3")
    assert lines[-1] == "a line that stays"


def test_the_table_after_a_run_has_the_columns_of_the_design() -> None:
    stream = io.StringIO()
    Console(file=stream, width=160).print(verdict_table("s", analyse(factorial_study())))
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
