"""Where a rank is in its training, for whoever watches over it from another thread."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pulse:
    """Beats with every batch and every step. Written by the thread that trains, read by others."""

    step: int = -1  # the optimizer step under way, counted from the start of the stage; -1: none yet
    waits: bool = False  # for the other ranks: inside a collective
    beat_at: float = field(default_factory=time.monotonic)
    longest_s: float = 0.0  # between two beats so far

    def start(self) -> None:
        """Another stage."""
        self.step, self.waits, self.longest_s = -1, False, 0.0
        self.beat_at = time.monotonic()

    def beat(self, step: int | None = None) -> None:
        """It is alive, and at this step."""
        now = time.monotonic()
        self.longest_s = max(self.longest_s, now - self.beat_at)
        self.beat_at = now
        if step is not None:
            self.step = step

    @property
    def still_s(self) -> float:
        """Since the last beat."""
        return time.monotonic() - self.beat_at

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What is done inside ends when the other ranks have come there too."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False
