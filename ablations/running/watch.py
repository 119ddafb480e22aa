"""Watches the lanes of one invocation until they have nothing left to do, or somebody stops them."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import torch

from ablations.running.display import Progress
from ablations.running.interrupts import Interrupts
from ablations.running.lanes import Lanes, LaneSizes
from ablations.running.queue import LostRun, Snapshot, State
from pipeline.data.handle import DataHandle
from pipeline.spec.errors import ResourceError
from pipeline.spec.records import Failure
from pipeline.training.environment import environment
from pipeline.training.job import failed_result

POLL_S = 0.5


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
