"""Watches the lanes of one invocation until they have nothing left to do, or somebody stops them."""

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import torch

from ablations.running.display import Progress
from ablations.running.lanes import Lanes, LaneSizes
from ablations.running.queue import LostRun, Snapshot, State
from pipeline.data.handle import DataHandle
from pipeline.spec.errors import ResourceError
from pipeline.spec.records import Failure
from pipeline.training.environment import environment
from pipeline.training.job import failed_result

POLL_S = 0.5


class Interrupts:
    """Ctrl-C or SIGTERM once: finish what is running. Twice: stop now."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def caught(self) -> Iterator["Interrupts"]:
        """Install the handlers; only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: Any) -> None:
        self.count += 1
        if self.count >= 2:
            raise KeyboardInterrupt


def watch(
    sizes: LaneSizes,
    queue: Any,
    recorder: Any,
    handles: dict[str, DataHandle],
    progress: Progress,
    interrupts: Interrupts,
    feed: Callable[[Snapshot], None] | None = None,
    poll_s: float = POLL_S,
) -> Snapshot:
    """Run the lanes until the queue is empty.

    Args:
        sizes: of the lanes.
        queue: actor handle.
        recorder: actor handle.
        handles: data key -> data set.
        progress: what people see.
        interrupts: what they press.
        feed: told every state, it may add runs to a queue that waits for more; not called after an interrupt.
        poll_s: between two looks.

    Raises:
        ResourceError: all lanes ended before the runs did.
    """
    data = {key: ray.put(handle) for key, handle in handles.items()}
    with tempfile.TemporaryDirectory(prefix="ablate-lanes-") as scratch:
        lanes = Lanes(sizes, queue, recorder, data, Path(scratch))
        drained = False
        try:
            while True:
                alive = lanes.alive()  # before the snapshot, so that the last one is complete
                snapshot: Snapshot = ray.get(queue.call.remote("snapshot"))
                for lost in snapshot.lost:
                    ray.get(recorder.write.remote(lost_result(lost, handles)))
                progress.show(snapshot)
                if interrupts.count and not drained:
                    drained = True
                    ray.get(queue.call.remote("drain"))
                    progress.note(
                        "stopping: finishing the runs under way; press Ctrl-C again to stop now. Nothing done is lost."
                    )
                if feed is not None and not drained:
                    feed(snapshot)
                if not alive:
                    break
                time.sleep(poll_s)
        finally:
            lanes.release()
    unfinished = snapshot.counts[State.PENDING] + snapshot.counts[State.RUNNING]
    if unfinished and not drained:
        errors = "; ".join(f"{lane}: {error}" for lane, error in lanes.errors().items()) or "no reason was given"
        raise ResourceError(f"all lanes ended with {unfinished} runs left ({errors}). Run again to resume")
    return snapshot


def lost_result(lost: LostRun, handles: dict[str, DataHandle]) -> Any:
    """The record of a run whose workers could not write one."""
    failure = Failure(type="WorkerLost", message=lost.reason, attempts=lost.attempts, log_tail=lost.reason)
    fingerprint = handles[lost.job.data_key].fingerprint
    return failed_result(lost.job, fingerprint, failure, environment(torch.device("cpu")), lost.reason)
