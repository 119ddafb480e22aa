"""What is done to a study while it runs. Each fault is real: a signal, a lock, a disk without a free byte."""

import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.processes import wait_for
from tests.chaos.server import Server
from tests.chaos.target import Target

APPEARS_S = 120.0  # within which a process that Ray is starting again is there
HOLD_S = 8.0  # a lock, a full disk or the absence of a server lasts; MLflow waits 5 s for a lock
GRACE_S = 20.0  # between SIGTERM and SIGKILL; a cloud gives 30 s or more
FILLER = "filler"  # beside the home, on its disk
INTERRUPTED, INPUT, FAILED = 130, 2, 3


class NotInjected(Exception):
    """There was nothing to break at that moment."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to break a study.

    Attributes:
        name: in the table.
        survives: what is promised.
        inject: breaks it, and returns when the fault is over.
        codes: exit codes of the invocation that it ends; empty where that invocation goes on.
        times: injected by `make chaos`.
        needs: "disk" (a small one of its own), "server" (MLflow's) or "database" (MLflow's, in the home).
    """

    name: str
    survives: str
    inject: Callable[[Target, Server | None], None]
    codes: tuple[int, ...] = ()
    times: int = 2
    needs: str = ""


def _kill(title: str) -> Callable[[Target, Server | None], None]:
    def inject(target: Target, server: Server | None) -> None:
        found = wait_for(target.driver.pid, title, APPEARS_S)
        if not found:
            raise NotInjected(f"no process {title} within {APPEARS_S:g} s")
        found[0].kill()

    return inject


def _kill_driver(target: Target, server: Server | None) -> None:
    target.kill()


def _interrupt(target: Target, server: Server | None) -> None:
    target.driver.send_signal(signal.SIGINT)


def _interrupt_twice(target: Target, server: Server | None) -> None:
    target.driver.send_signal(signal.SIGINT)
    time.sleep(0.3)
    target.driver.send_signal(signal.SIGINT)


def _preempt(target: Target, server: Server | None) -> None:
    target.driver.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while target.driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if target.driver.poll() is None:
        target.kill()


def _fill_disk(target: Target, server: Server | None) -> None:
    filler = target.home.root.parent / FILLER
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (2**20, 4096):  # to the last page
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:  # no space left
                    continue
        time.sleep(HOLD_S)
    finally:
        filler.unlink(missing_ok=True)


def _lock_database(target: Target, server: Server | None) -> None:
    if not target.home.mlflow_db.exists():
        raise NotInjected("MLflow has no database yet")
    connection = sqlite3.connect(target.home.mlflow_db, timeout=60, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(HOLD_S)
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _kill_server(target: Target, server: Server | None) -> None:
    assert server is not None
    server.kill()
    time.sleep(HOLD_S)
    server.start()


def _second_driver(target: Target, server: Server | None) -> None:
    second = target.ablate("run", target.grid)
    expected = f"is being run in this home by process {target.driver.pid} "
    if target.driver.poll() is None and (second.returncode != INPUT or expected not in second.stderr):
        raise AssertionError(f"the second driver ended with {second.returncode}: {second.stdout}{second.stderr}")


RESUMED = "the same command goes on; finished runs are not trained again"
FAULTS = (
    Fault(
        "training worker killed",
        "the lane restarts it; the run resumes from its checkpoint",
        _kill("ray::RayTrainWorker"),
        times=3,
    ),
    Fault(
        "a lane's controller killed",
        "the lane gets a new one; the run resumes from its checkpoint",
        _kill("ray::TrainController"),
    ),
    Fault("Ray Data task killed", "Ray repeats the task", _kill("ray::MapBatches"), times=2),
    Fault(
        "record writer killed",
        "Ray restarts it; a record is on disk before a run counts as done",
        _kill("ray::_RecorderProcess"),
    ),
    Fault("queue killed", f"one line, exit code 2; {RESUMED}", _kill("ray::QueueActor"), (INPUT,), times=1),
    Fault("driver killed", RESUMED, _kill_driver, (-signal.SIGKILL,), times=2),
    Fault(
        "Ctrl-C once",
        f"runs under way finish, a report is written, exit code 130; {RESUMED}",
        _interrupt,
        (INTERRUPTED, 0),
        times=1,
    ),
    Fault("Ctrl-C twice", f"stops at once, exit code 130; {RESUMED}", _interrupt_twice, (INTERRUPTED, 0), times=1),
    Fault(
        f"SIGTERM, SIGKILL after {GRACE_S:g} s",
        f"as Ctrl-C once; if the time is too short, as a killed driver; {RESUMED}",
        _preempt,
        (INTERRUPTED, 0, -signal.SIGKILL),
        times=1,
    ),
    Fault(
        "second driver on the same study", "refused at once with the first one's process, exit code 2", _second_driver
    ),
    Fault(
        "disk of the home full for a while",
        f"runs that cannot be kept are tried again or failed records; {RESUMED}",
        _fill_disk,
        times=1,
        needs="disk",
    ),
    Fault(
        "mlflow.db locked",
        "records are kept; MLflow gets them later, or from `ablate sync`",
        _lock_database,
        needs="database",
    ),
    Fault(
        "MLflow server killed",
        "records are kept; MLflow gets them later, or from `ablate sync`",
        _kill_server,
        needs="server",
    ),
)
