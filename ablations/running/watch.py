"""Watches the lanes of one invocation until they have nothing left to do, or somebody stops them."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import torch

from ablations.running.attempt_log import last_lines
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
NODES_POLL_S = 2.0
LANES_END_S = 10.0  # after nothing is left to do; a lane without a place would wait for one for ever


def watch(
    sizes: LaneSizes,
    queue: Any,
    recorder: Any,
    handles: dict[str, DataHandle],
    progress: Progress,
    interrupts: Interrupts,
    hang_timeout_s: float,
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
        hang_timeout_s: see `Resources`.
        feed: told every state, it may add runs to a queue that waits for more; not called after an interrupt.
        poll_s: between two looks.

    Raises:
        ResourceError: all lanes ended before the runs did.
    """
    data = {key: ray.put(handle) for key, handle in handles.items()}
    with tempfile.TemporaryDirectory(prefix="ablate-lanes-") as scratch:
        lanes = Lanes(sizes, queue, recorder, data, Path(scratch), hang_timeout_s)
        drained = False
        look_at_nodes, give_up = time.monotonic() + NODES_POLL_S, float("inf")
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
                if time.monotonic() >= look_at_nodes:
                    look_at_nodes = time.monotonic() + NODES_POLL_S
                    for lane in ray.get(queue.call.remote("keep", alive_nodes())):
                        progress.note(f"{lane} lost a machine: other lanes take over; it goes on where there is room")
                give_up = min(give_up, time.monotonic() + LANES_END_S) if snapshot.over else float("inf")
                if not alive or time.monotonic() > give_up:  # what waits for a machine then waits in vain
                    break
                time.sleep(poll_s)
        finally:
            lanes.release()
    unfinished = snapshot.counts[State.PENDING] + snapshot.counts[State.RUNNING]
    if unfinished and not drained:
        errors = "; ".join(f"{lane}: {error}" for lane, error in lanes.errors().items()) or "no reason was given"
        raise ResourceError(f"all lanes ended with {unfinished} runs left ({errors}). Run again to resume")
    return snapshot


def alive_nodes() -> frozenset[str]:
    """Machines of the cluster."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def lost_result(lost: LostRun, handles: dict[str, DataHandle]) -> Any:
    """The record of a run whose workers could not write one."""
    kind = "WorkerLost" if lost.hung_at is None else "Hang"
    tail = last_lines(lost.job.checkpoint) or lost.reason
    failure = Failure(type=kind, message=lost.reason, step=lost.hung_at, attempts=lost.attempts, log_tail=tail)
    fingerprint = handles[lost.job.data_key].fingerprint
    return failed_result(lost.job, fingerprint, failure, environment(torch.device("cpu")), tail)
