"""Two processes and one study: real processes, since a lock of the system belongs to one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ablations.records import study_lock
from ablations.records.home import Home
from ablations.records.study_lock import run_alone, write_alone
from pipeline.spec.errors import ResourceError

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from ablations.records.home import Home
from ablations.records.study_lock import run_alone, write_alone
home = Home(Path(sys.argv[1]))
if sys.argv[2] == "writes":
    held = write_alone(home, "tricks")
    print("held", flush=True)
    sys.stdin.read()
else:
    with run_alone(home, "tricks"):
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def holder(home: Home, what: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLDER, str(home.root), what]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_process_is_refused_and_told_who_runs_the_study(home: Home) -> None:
    first = holder(home, "runs")
    try:
        with pytest.raises(ResourceError, match=rf"'tricks' is being run in this home by process {first.pid} on "):
            with run_alone(home, "tricks"):
                pass
        with run_alone(home, "another"):
            pass
    finally:
        end(first)
    with run_alone(home, "tricks"):  # a killed process holds nothing
        assert f"process {os.getpid()} " in (home.study_dir("tricks") / "run.lock").read_text()
    with run_alone(home, "tricks"):
        pass


def test_a_driver_waits_for_the_recorder_of_one_that_was_killed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = holder(home, "writes")
    monkeypatch.setattr(study_lock, "ORPHAN_TIMEOUT_S", 0.0)
    with pytest.raises(ResourceError, match=f"process {orphan.pid} "):
        with run_alone(home, "tricks"):
            pass
    monkeypatch.setattr(study_lock, "ORPHAN_TIMEOUT_S", 60.0)
    ending = threading.Event()
    threading.Thread(target=lambda: (time.sleep(0.2), ending.set(), end(orphan))).start()
    with run_alone(home, "tricks"):
        assert ending.is_set()
        write_alone(home, "tricks").close()  # the recorder of the driver itself is let in
