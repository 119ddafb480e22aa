"""One process runs a study, and one process writes its records: a second one is refused by name.

Both locks belong to the system (flock), not to a file being there: they end with their process, however it ends.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ablations.records.home import Home
from pipeline.spec.errors import ResourceError
from pipeline.training.job import utc_now

# A driver that is killed leaves its recorder to Ray, which ends it within seconds; until then it may still keep a run.
ORPHAN_TIMEOUT_S = 60.0
_POLL_S = 0.1


@contextmanager
def run_alone(home: Home, study: str) -> Iterator[None]:
    """Be the one process that runs this study, once nothing of an earlier one writes any more.

    Raises:
        ResourceError: another process runs it, or its recorder does not end.
    """
    with _hold(home, study, "run.lock", 0.0):
        _hold(home, study, "write.lock", ORPHAN_TIMEOUT_S).close()
        yield


def write_alone(home: Home, study: str) -> IO[str]:
    """Be the one process that writes this study's records, until the file that is returned is closed.

    Raises:
        ResourceError: another process writes them.
    """
    return _hold(home, study, "write.lock", ORPHAN_TIMEOUT_S)


def _hold(home: Home, study: str, name: str, timeout_s: float) -> IO[str]:
    path = home.study_dir(study) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error}. Free some disk, or choose another home") from error
    try:
        _lock(file, study, timeout_s)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {utc_now()}")
        file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: IO[str], study: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                file.seek(0)
                raise ResourceError(
                    f"study {study!r} is being run in this home by {file.read() or 'another process'}: two would train "
                    "the same runs. Wait for it, stop it, or choose another home with --home"
                ) from error
        time.sleep(_POLL_S)
