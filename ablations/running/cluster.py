"""Ray: the cluster that the environment names, or one started on this machine."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import RayActorError

from pipeline.spec.errors import ResourceError
from pipeline.training.memory import KEEP_MEMORY

# Of a Ray started here. Data tasks may take fractions of a CPU, so there are more worker processes than CPUs; Ray would
# end the idle ones after a second and pay for new ones at every stage. Nobody looks at the metrics and events of such a
# Ray, while each of its processes spends time on them (all together take a tenth of two cores from training).
LOCAL_RAY = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # Ray's 15 lets any other program push training aside
    "RAY_idle_worker_killing_time_threshold_ms": "30000",
    "RAY_enable_metrics_collection": "false",
    "RAY_task_events_report_interval_ms": "0",
    "RAY_num_workers_soft_limit": "64",
    "RAY_worker_maximum_startup_concurrency": "8",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process for each lane, which waits for a cloud's notice
}


KNOCK_TIMEOUT_S = 10.0


def has_cluster() -> bool:
    """Whether the environment names a running Ray cluster."""
    return bool(os.environ.get("RAY_ADDRESS"))


@contextmanager
def actors_needed() -> Iterator[None]:
    """Say in one line that a process died which the driver cannot do without.

    Raises:
        ResourceError: instead of Ray's error about the queue or the recorder.
    """
    try:
        yield
    except RayActorError as error:
        raise ResourceError(
            f"the queue or the recorder of this study was killed ({type(error).__name__}); often for lack of memory. "
            "Every run that finished is kept: the same command goes on from there"
        ) from error


def connect() -> None:
    """Join the cluster that the environment names, or start Ray on this machine.

    Raises:
        ResourceError: nothing answers at the address that the environment names.
    """
    if ray.is_initialized():
        return
    if has_cluster():
        _knock(os.environ["RAY_ADDRESS"])
    for name in ("ray", "ray.data", "ray.train", "ray._private.authentication"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for name, value in (LOCAL_RAY | KEEP_MEMORY).items():
        os.environ.setdefault(name, value)
    if has_cluster():
        ray.init(address="auto", logging_level=logging.WARNING, log_to_driver=False)
    else:
        # "local": else Ray joins whatever cluster was started last on this machine, be it another user's or dead.
        ray.init(address="local", include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)


def _knock(address: str) -> None:
    """Where nobody listens at host:port, say so: Ray itself would try for three minutes, and print a traceback."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "//" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_TIMEOUT_S).close()
    except OSError as error:
        raise ResourceError(
            f"no Ray answers at RAY_ADDRESS={address} ({error}); start that cluster, or unset RAY_ADDRESS to start "
            "Ray on this machine"
        ) from error
