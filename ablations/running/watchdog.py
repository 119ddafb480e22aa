"""A thread of a worker that ends the process when its training stands still: Ray then starts the group anew.

A worker cannot be asked to stop while it waits for a rank that never comes, so it is ended. It tells the queue before,
so that the attempt has a reason. A hang in native code that holds the interpreter's lock is seen by other ranks only.
"""

import faulthandler
import os
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ablations.running.hangs import Stall
from pipeline.training.pulse import Pulse

SLOWER_THAN_EVER = 20  # times the longest pause between two beats so far: an honest trial is as slow again
OTHERS_WITHIN_S = 30.0  # the other ranks notice too, about when this one does
STDERR = 2
STDLIB = sysconfig.get_path("stdlib")


class Watchdog:
    """Looks at the pulse of the thread that made it."""

    def __init__(self, rank: int, pulse: Pulse, timeout_s: float, tell: Callable[[Stall], bool]) -> None:
        """Start looking.

        Args:
            rank: of this worker.
            pulse: of its training.
            timeout_s: without a beat, at least; 20 times the longest pause so far must be over, too.
            tell: given what stands still; whether every rank has told by now.
        """
        self._rank, self._pulse, self._timeout_s, self._tell = rank, pulse, timeout_s, tell
        self._trainer = threading.get_ident()
        self._on = False
        threading.Thread(target=self._look, name="watchdog", daemon=True).start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What is done inside must beat."""
        self._pulse.start()
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _look(self) -> None:
        while not (self._on and hangs(self._pulse, self._timeout_s)):
            time.sleep(min(1.0, self._timeout_s / 10))
        pulse = self._pulse
        stall = Stall(self._rank, pulse.step, pulse.waits, pulse.still_s, where(self._trainer))
        faulthandler.dump_traceback(STDERR)
        deadline = time.monotonic() + OTHERS_WITHIN_S
        while not self._tell(stall) and time.monotonic() < deadline:
            time.sleep(0.1)
        os._exit(1)  # nothing gentler reaches a thread that waits in native code


def hangs(pulse: Pulse, timeout_s: float) -> bool:
    """Whether the last beat is too long ago."""
    return pulse.still_s >= max(timeout_s, SLOWER_THAN_EVER * pulse.longest_s)


def where(thread: int) -> str:
    """The innermost line that a thread is at in anything but Python's library and torch."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "nowhere"
    stack = traceback.extract_stack(frame)
    last = ([entry for entry in stack if not _is_library(entry.filename)] or stack)[-1]
    return f"{last.name} ({os.path.basename(last.filename)}, line {last.lineno})"


def _is_library(filename: str) -> bool:
    packages = f"{os.sep}site-packages{os.sep}"
    return (filename.startswith(STDLIB) and packages not in filename) or f"{packages}torch{os.sep}" in filename
