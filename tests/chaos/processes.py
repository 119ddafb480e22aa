"""The processes of one driver, found in /proc: its Ray is among its descendants, and no other Ray of the machine is."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from a later one of the same number by when it started."""

    pid: int
    parent: int
    started: str  # clock ticks since boot
    title: str

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        found = _read(Path(f"/proc/{self.pid}"))
        return found is not None and found.started == self.started

    def kill(self) -> None:
        """SIGKILL, unless it has ended meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def _read(folder: Path) -> Process | None:
    try:
        # After the name, which is in brackets and may hold anything: state, parent, ..., start time (proc(5)).
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended meanwhile
        return None
    return None if fields[0] == "Z" else Process(int(folder.name), int(fields[1]), fields[19], title)


def descendants(pid: int) -> list[Process]:
    """Children of this process, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if process := _read(folder):
            children.setdefault(process.parent, []).append(process)
    found = list(children.get(pid, ()))
    for process in found:  # grows while it is walked
        found += children.get(process.pid, ())
    return found


def wait_for(pid: int, title: str, timeout_s: float) -> list[Process]:
    """Descendants whose title starts so: Ray names its workers after what they do. Empty where none came in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := [process for process in descendants(pid) if process.title.startswith(title)]:
            return found
        time.sleep(0.02)
    return []
