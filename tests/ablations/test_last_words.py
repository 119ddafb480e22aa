"""What `ablate` says when something outside it is wrong, and how to go on."""

import errno
from pathlib import Path

import pytest
from ray.exceptions import RayTaskError

from ablations import cli
from ablations.commands.finish import trouble_lines
from ablations.running.runner import Outcome
from pipeline.spec.errors import ResourceError
from tests.ablations.studies import ablate

COUNTS = {"pending": 0, "running": 0, "finished": 4, "failed": 0, "not run": 0}


def outcome(reason: str = "", unprojected: int = 0, **counts: int) -> Outcome:
    known = COUNTS | {name.replace("_", " "): number for name, number in counts.items()}
    return Outcome(known, False, Path("report.html"), 1.0, False, unprojected, reason)


def fails_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> str:
    """What stands on stderr when a command ends with this error."""

    def app(standalone_mode: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    result = ablate("status")
    assert result.exit_code == 2
    return result.err


def test_an_error_of_the_recorder_is_one_line_without_the_traceback_of_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cause = ResourceError("cannot append to records.jsonl: no space left. Free some disk")
    error = RayTaskError("write", "head\n  File recorder.py", cause).as_instanceof_cause()
    assert "File recorder.py" in str(error), "what Ray would show"
    assert fails_with(monkeypatch, error) == f"error: {cause}\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_with_the_way_on(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    text = fails_with(monkeypatch, OSError(number, "no space", "home/report.partial"))
    assert text.startswith("error: the disk is full: home/report.partial. Every run that finished is kept.")
    assert "the same command goes on" in text


def test_another_fault_of_a_file_is_not_called_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermissionError):
        fails_with(monkeypatch, PermissionError(errno.EACCES, "no", "x"))


def test_nothing_is_said_where_nothing_went_wrong() -> None:
    assert trouble_lines("s", outcome()) == []


def test_failed_runs_come_with_the_way_on() -> None:
    (line,) = trouble_lines("s", outcome(failed=1, not_run=2))
    assert "tried again by the same command" in line
    assert "2 more need one of them" in line
    assert "ablate status s" in line


def test_a_dead_mlflow_is_said_in_one_line_without_the_password() -> None:
    reason = "MlflowException: API request to http://me:secret@host:5000/api failed\n" + "x" * 5000
    (line,) = trouble_lines("s", outcome(reason, 3))
    assert "secret" not in line
    assert "http://host:5000/api" in line
    assert "ablate sync" in line
    assert "\n" not in line
    assert len(line) < 400
