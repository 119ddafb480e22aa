"""What a run shows: live progress, a table in a terminal or a line now and then in a log, and then the verdicts."""

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ablations.running.queue import Snapshot, State
from reports.formats.text import short_columns, verdict_rows
from reports.results.study import Analysis

LOG_EVERY_S = 15.0


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def verdict_table(study: str, analysis: Analysis) -> Table:
    """A line per factor; the sentences are in the report."""
    table = Table(title=f"{study}: what to keep", title_justify="left", show_lines=False)
    first, *others = short_columns(analysis)
    table.add_column(first, overflow="fold", no_wrap=True)
    for column in others:
        table.add_column(column, overflow="fold")
    for row in verdict_rows(analysis):
        if row.has_place:  # a control beside a factorial has none: its sentence is below the table
            table.add_row(*row.short_cells)
    return table


class Progress:
    """Shows snapshots of the queue. Time left is measured on what this invocation has finished."""

    def __init__(self, total: int, stream: TextIO = sys.stderr) -> None:
        self._total = total
        self._start = time.monotonic()
        self._done_before: int | None = None
        self._console = Console(file=stream)
        self._live = Live(console=self._console, refresh_per_second=4) if stream.isatty() else None
        self._last_line = ""
        self._last_s = -LOG_EVERY_S

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """The state now."""
        line = self.summary(snapshot)
        now = time.monotonic()
        if self._live:
            table = Table.grid(padding=(0, 2))
            table.add_row(line)
            for lane, what in sorted(snapshot.lanes.items()):
                table.add_row(f"  {lane}: {what}")
            self._live.update(table)
        elif line != self._last_line and now - self._last_s >= LOG_EVERY_S:
            self._last_line, self._last_s = line, now
            busy = "; ".join(f"{lane}: {what}" for lane, what in sorted(snapshot.lanes.items()))
            self.note(f"{line}{' | ' + busy if busy else ''}")

    def summary(self, snapshot: Snapshot) -> str:
        """Done, running, failed, time left."""
        counts = snapshot.counts
        over = counts[State.FINISHED] + counts[State.FAILED] + counts[State.NOT_RUN]
        elapsed = time.monotonic() - self._start
        if self._done_before is None:
            self._done_before = over
        left = ""
        here = over - self._done_before
        if here and over < self._total:
            left = f", about {duration(elapsed / here * (self._total - over))} left"
        parts = [f"{over}/{self._total} runs done"]
        if counts[State.RUNNING]:
            parts.append(f"{counts[State.RUNNING]} running")
        if counts[State.FAILED]:
            parts.append(f"{counts[State.FAILED]} failed")
        if counts[State.NOT_RUN]:
            parts.append(f"{counts[State.NOT_RUN]} not run")
        if snapshot.timing == "running":
            parts.append("measuring cost")
        return f"{', '.join(parts)}, {duration(elapsed)} so far{left}"
