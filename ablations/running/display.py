"""What a run shows: live progress, a table in a terminal or a line now and then in a log, and then the verdicts."""

import sys
import textwrap
import time
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ablations.running.board import Board, Ended
from ablations.running.queue import Snapshot, State
from reports.formats.marks import MARKS, PLAIN_MARKS, Mark, grid_lines, legend
from reports.formats.text import short_columns, stacked_columns, verdict_rows
from reports.results.study import Analysis

LOG_EVERY_S = 15.0  # of the first lines in a log; later ones come when another twentieth of the time has passed
LOG_AT_LEAST_EVERY_S = 300.0
MAX_LANES = 8  # lines in a terminal
MAX_LANES_IN_LOG = 4
MAX_NAMED = 3  # finished runs in a line of a log
MAX_FAILURES = 10  # with a line each; the rest is counted, and the report has them all
MAX_REASON = 160  # characters of a failure
MAX_WIDTH = 160  # wider text is hard to follow
COLOURS: dict[Mark, str] = {"finished": "green", "running": "yellow", "failed": "bold red", "blocked": "red"}


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def verdict_table(study: str, analysis: Analysis, console: Console) -> Table:
    """A line per factor where the console is wide enough, else two; the sentences are in the report."""
    rows = [row for row in verdict_rows(analysis) if row.has_place]  # a control beside a factorial has none
    title = f"{study}: what to keep"
    wide = Table(title=title, title_justify="left")
    narrow = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    _fill(wide, short_columns(analysis), [row.short_cells for row in rows])
    _fill(narrow, stacked_columns(analysis), [row.stacked_cells for row in rows])
    return min((wide, narrow), key=lambda table: len(console.render_lines(table)))


def _fill(table: Table, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    first, *others = columns
    table.add_column(first, overflow="fold", no_wrap=True)
    for column in others:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)


class Progress:
    """Shows what the queue says: a grid of marks in a terminal, lines without control codes elsewhere."""

    def __init__(self, board: Board, stream: TextIO = sys.stderr) -> None:
        self._board = board
        self._start = time.monotonic()
        self._console = Console(file=stream)
        in_place = stream.isatty() and not self._console.is_dumb_terminal
        self._live = Live(console=self._console, refresh_per_second=4) if in_place else None
        self._plain = not self._console.encoding.lower().startswith("utf")
        self._finished: list[Ended] = []
        self._num_failures = 0
        self._last_s: float | None = None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """The state now."""
        self._board.update(snapshot)
        for ended in self._board.take_ended():
            if ended.state is State.FINISHED:
                self._finished.append(ended)
            else:
                self._fail(ended)
        if self._live:
            size = self._console.size
            lines = live_lines(self._board, self._elapsed_s, min(size.width, MAX_WIDTH), size.height, self._plain)
            self._live.update(_coloured("\n".join(lines), PLAIN_MARKS if self._plain else MARKS))
            self._finished.clear()
        elif self._last_s is None or self._elapsed_s - self._last_s >= self._pause_s:
            self._last_s = self._elapsed_s
            self.note(log_line(self._board, self._elapsed_s, self._finished))
            self._finished.clear()

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start

    @property
    def _pause_s(self) -> float:
        """Between two lines of a log: a study of days must not fill it."""
        return min(LOG_AT_LEAST_EVERY_S, max(LOG_EVERY_S, self._elapsed_s / 20))

    def _fail(self, ended: Ended) -> None:
        self._num_failures += 1
        if self._num_failures <= MAX_FAILURES:
            reason = " ".join(ended.text.split())
            what = "failed" if ended.state is State.FAILED else "tried again"
            self.note(f"{what}: {ended.name}: {textwrap.shorten(reason, MAX_REASON, placeholder=' ...')}")
        elif self._num_failures == MAX_FAILURES + 1:
            self.note("more runs fail; from here on they are only counted, and the report has each with its reason")


def summary(board: Board, elapsed_s: float) -> str:
    """Done, running, failed, time so far and left."""
    parts = [f"{board.num_over}/{board.num_runs} runs done"]
    for state, words in ((State.RUNNING, "running"), (State.FAILED, "failed"), (State.NOT_RUN, "not run")):
        if board.num(state):
            parts.append(f"{board.num(state)} {words}")
    parts.append(f"{duration(elapsed_s)} so far")
    left = board.left_text()
    if left:
        parts.append(left + (", then the cost block" if board.timing == "waiting" else ""))
    if board.timing == "running":
        parts.append("measuring cost")
    elif board.num_over < board.num_runs and not board.lanes:
        parts.append("waiting for the lanes")
    return ", ".join(parts)


def log_line(board: Board, elapsed_s: float, finished: list[Ended]) -> str:
    """The state in one line, with the runs that have finished since the last one while they are few."""
    parts = [summary(board, elapsed_s)]
    if finished:
        named = [f"{one.name} ({one.text})" if one.text else one.name for one in finished[:MAX_NAMED]]
        more = len(finished) - len(named)
        parts.append(f"finished: {', '.join(named)}{f' and {more} more' if more else ''}")
    busy = [f"{lane}: {board.lane_text(work)}" for lane, work in sorted(board.lanes.items())]
    if busy:
        more = len(busy) - MAX_LANES_IN_LOG
        parts.append("; ".join(busy[:MAX_LANES_IN_LOG]) + (f"; and {more} lanes more" if more > 0 else ""))
    return " | ".join(parts)


def live_lines(board: Board, elapsed_s: float, width: int, height: int, plain: bool) -> list[str]:
    """What stands in a terminal of this size: the counts, each arm's runs, what the lanes do, and how to read it."""
    rows = board.rows()
    head = textwrap.wrap(summary(board, elapsed_s), width)
    busy = [f"{lane}: {board.lane_text(work)}"[:width] for lane, work in sorted(board.lanes.items())]
    lanes = busy[:MAX_LANES] + ([f"and {len(busy) - MAX_LANES} lanes more"] if len(busy) > MAX_LANES else [])
    how = f"{legend(rows, plain)}; mean {board.metric_title} on validation over the n seeds so far"
    if board.num_over < board.num_runs:
        how += ". No verdicts while it runs: what leads early is often luck."
    foot = textwrap.wrap(how, width)
    blank = 3 if lanes else 2
    room = max(3, height - len(head) - len(lanes) - len(foot) - blank - 1)  # and the prompt
    parts = (head, grid_lines(rows, width, room, plain), lanes, foot)
    return "\n\n".join("\n".join(part) for part in parts if part).splitlines()


def _coloured(text: str, signs: dict[Mark, str]) -> Text:
    found = Text(text, no_wrap=True)
    if signs is MARKS:  # the ASCII ones stand in words too
        for mark, colour in COLOURS.items():
            found.highlight_words([signs[mark]], colour)
    return found
