"""A thread that shows the home in MLflow, behind the back of the one who writes records.

A slow or dead MLflow costs records nothing: they wait here, and what never got through is counted and said.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.records.home import Home

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Job = Callable[["MlflowClient"], object]

# MLflow tries each request 7 times, up to 120 s each (environment_variables.py, 3.17): minutes per run at a server that
# is gone. What fails here can be had again by `ablate sync`, so it may give up early; the user's own values win.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
_PAUSE_S = 60.0  # after failures, before MLflow is tried again

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Projection:
    """How far the projection has come, in distinct jobs."""

    projected: int
    waiting: int
    reason: str  # of the last failure; empty when nothing waits


class Projector:
    """Does the named jobs one after another in its own thread; a failed one is tried again later.

    A job submitted under a name replaces the waiting job of that name.
    """

    def __init__(self, home: Home, connect: Callable[[Home], "MlflowClient"], pause_s: float = _PAUSE_S) -> None:
        self._home = home
        self._connect = connect
        self._pause_s = pause_s
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._projected: set[str] = set()
        self._reason = ""
        self._quiet_until = 0.0  # monotonic
        self._busy = False
        self._client: MlflowClient | None = None
        threading.Thread(target=self._work, name="mlflow-projector", daemon=True).start()

    def submit(self, name: str, job: Job) -> None:
        """Have the job done soon. Never waits, never raises."""
        with self._changed:
            self._jobs[name] = job
            self._projected.discard(name)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> Projection:
        """Try everything that waits once more, now; wait for the outcome, but no longer than this."""
        with self._changed:
            self._quiet_until = 0.0
            self._changed.notify_all()
            in_time = self._changed.wait_for(self._is_idle, timeout_s)
            reason = self._reason if in_time or self._reason else f"MLflow was not done within {timeout_s:g} s"
            return Projection(len(self._projected), len(self._jobs), reason if self._jobs else "")

    def _is_idle(self) -> bool:
        return not self._busy and (not self._jobs or time.monotonic() < self._quiet_until)

    def _work(self) -> None:
        for variable, value in _IMPATIENT.items():
            os.environ.setdefault(variable, value)
        while True:
            with self._changed:
                while self._is_idle():
                    self._changed.wait(max(0.0, self._quiet_until - time.monotonic()) if self._jobs else None)
                self._busy = True
                jobs = dict(self._jobs)
            for name, job in jobs.items():
                if not self._do(name, job) and not self._answers():
                    break  # the others would fail as well, each after its own wait
            with self._changed:
                self._busy = False
                if any(self._jobs.get(name) is job for name, job in jobs.items()):
                    self._quiet_until = time.monotonic() + self._pause_s
                self._changed.notify_all()

    def _do(self, name: str, job: Job) -> bool:
        try:
            self._client = self._client or self._connect(self._home)
            job(self._client)
        except Exception as error:  # whatever MLflow raises must not reach the records; it is counted and said
            with self._changed:
                first, self._reason = not self._reason, f"{type(error).__name__}: {error}"
            if first:
                _log.warning("MLflow: %s was not shown (%s); its record is kept: run `ablate sync`", name, self._reason)
            return False
        with self._changed:
            if self._jobs.get(name) is job:  # else it was submitted anew meanwhile
                del self._jobs[name]
                self._projected.add(name)
        return True

    def _answers(self) -> bool:
        """Whether MLflow is there at all, so that a failure was that job's own."""
        try:
            return self._client is not None and self._client.search_experiments(max_results=1) is not None
        except Exception:  # the job's error has been kept; this one says no more
            return False
