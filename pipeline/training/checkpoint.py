"""Our own checkpoints: written by rank 0 in the background, complete or not there at all."""

import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pipeline.spec.errors import RecordError


def save_atomically(state: Any, path: Path) -> None:
    """Write beside the target, flush to disk, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path, device: torch.device) -> Any:
    """Read tensors and plain values only; code in the file is not run.

    Raises:
        RecordError: the file cannot be read.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise RecordError(
            f"checkpoint {path} is damaged, or holds more than tensors and plain values and might run code: it was not "
            "loaded; delete it and run again"
        ) from error
    except Exception as error:
        raise RecordError(f"checkpoint {path} cannot be read ({error}); delete it and run again") from error


def on_cpu(value: Any) -> Any:
    """A deep copy that later steps cannot change."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {k: on_cpu(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(v) for v in value)
    return value


class CheckpointWriter:
    """Saves at most every `interval_s`, without holding up training."""

    def __init__(self, path: Path, interval_s: float) -> None:
        self._path = path
        self._interval_s = interval_s
        self._last = time.monotonic()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def due(self) -> bool:
        """Whether the interval is over."""
        return time.monotonic() - self._last >= self._interval_s

    def save(self, state: Callable[[], Any]) -> None:
        """Copy the state now, write it in the background."""
        self.wait()
        copied = on_cpu(state())
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._write, args=(copied,), name="checkpoint")
        self._thread.start()

    def _write(self, copied: Any) -> None:
        try:
            save_atomically(copied, self._path)
        except BaseException as error:  # raised by wait(), in the training thread
            self._error = error

    def wait(self) -> None:
        """Wait for the write under way.

        Raises:
            RecordError: the last write failed, e.g. because the disk is full.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise RecordError(f"the checkpoint {self._path} could not be written: {error}") from error
