"""What a worker prints while it trains, kept beside the checkpoint: what is left to read when it dies.

On the disk that all nodes share, since the node may be what died. It goes with the checkpoint when the run has ended.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TAIL_BYTES = 16_000  # of each rank: a native stack takes a third of it
OUTPUTS = (1, 2)  # file descriptors: native code writes there too, and faulthandler its last stack


def log_path(checkpoint: Path, rank: int) -> Path:
    """Of one rank of a stage."""
    return checkpoint.with_name(f"rank-{rank}.log")


@contextmanager
def kept_output(checkpoint: Path, rank: int, attempt: int) -> Iterator[None]:
    """Everything that this process prints goes to the log meanwhile."""
    path = log_path(checkpoint, rank)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as log:
        log.write(f"--- attempt {attempt}, rank {rank}, {socket.gethostname()} process {os.getpid()}\n".encode())
        before = [os.dup(number) for number in OUTPUTS]
        _point_outputs_at([log.fileno()] * len(OUTPUTS))
        try:
            yield
        finally:
            _point_outputs_at(before)
            for number in before:
                os.close(number)


def _point_outputs_at(targets: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for number, target in zip(OUTPUTS, targets, strict=True):
        os.dup2(target, number)


def last_lines(checkpoint: Path) -> str:
    """The end of what the ranks of a stage printed; empty where there is nothing to read."""
    tails = []
    for path in sorted(checkpoint.parent.glob("rank-*.log")):
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tails.append(log.read().decode(errors="replace").strip())
    return "\n".join(tails)
