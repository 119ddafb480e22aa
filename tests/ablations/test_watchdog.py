"""Without Ray: what counts as a hang, and a process that really is ended."""

import subprocess
import sys
import time

from ablations.running.hangs import Stall, told
from ablations.running.watchdog import SLOWER_THAN_EVER, Watchdog, hangs
from pipeline.training.pulse import Pulse

HANGS = """
import threading
from ablations.running.watchdog import Watchdog
from pipeline.training.pulse import Pulse

def never_arrives():
    threading.Event().wait()

pulse = Pulse()
dog = Watchdog(1, pulse, 0.3, lambda stall: print(stall, flush=True) is None)
with dog.watching():
    pulse.beat(5)
    never_arrives()
"""


def aged(pulse: Pulse, seconds: float) -> None:
    """As if the last beat were that much longer ago."""
    pulse.beat_at -= seconds


def test_a_trial_whose_steps_take_long_is_waited_for_longer() -> None:
    pulse = Pulse()
    aged(pulse, 5.0)
    assert not hangs(pulse, 10.0)
    pulse.beat(1)  # a step of 5 s
    aged(pulse, 5.0 * (SLOWER_THAN_EVER - 1))
    assert not hangs(pulse, 10.0)
    aged(pulse, 5.1)
    assert hangs(pulse, 10.0) and not hangs(pulse, 1000.0)


def test_only_what_is_watched_can_hang() -> None:
    """This process would be ended."""
    pulse, told = Pulse(), []
    dog = Watchdog(0, pulse, 0.2, lambda stall: not told.append(stall))
    aged(pulse, 1000.0)
    with dog.watching():
        assert pulse.still_s < 900.0, "the time before does not count"
    aged(pulse, 1000.0)
    time.sleep(0.1)  # the watchdog looks every 0.02 s
    assert told == []


def test_a_rank_in_a_collective_waits() -> None:
    pulse = Pulse()
    with pulse.waiting():
        assert pulse.waits
    assert not pulse.waits


def test_a_process_that_hangs_says_where_and_ends() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done
    assert "Stall(rank=1, step=5, waits=False" in done.stdout
    assert "where='never_arrives (<string>, line" in done.stdout
    assert "never_arrives" in done.stderr, "the stacks of all threads are in the log"


def test_a_hang_before_the_first_step_of_ranks_that_all_wait() -> None:
    stalls = [Stall(rank, -1, True, 30.0, "all_reduce (x.py, line 3)") for rank in (1, 0)]
    text = told(stalls, "bare seed 2")
    assert text.startswith("bare seed 2 hangs before the first step")
    assert "rank 0 in all_reduce (x.py, line 3) and rank 1 in all_reduce (x.py, line 3)." in text
