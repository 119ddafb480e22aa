"""Arms by seeds as one character a run: how far a study is, in a terminal and in a log."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.results.completeness import Completeness

Mark = Literal["finished", "running", "failed", "blocked", "missing"]
# Characters that are one column wide everywhere; the page uses the same.
MARKS: dict[Mark, str] = {"finished": "✓", "running": "▸", "failed": "✕", "blocked": "⊘", "missing": "·"}
PLAIN_MARKS: dict[Mark, str] = {"finished": "+", "running": ">", "failed": "x", "blocked": "-", "missing": "."}
MEANING: dict[Mark, str] = {
    "finished": "finished",
    "running": "running",
    "failed": "failed",
    "blocked": "not run: an earlier stage failed",
    "missing": "not run yet",
}
TROUBLE: tuple[Mark, ...] = ("running", "failed", "blocked")  # counted by name where there is no mark for each run
MAX_NAME = 24  # characters of an arm's name
MAX_MARKS = 12  # seeds; with more an arm shows counts
GAP = "   "  # between arms that stand side by side


@dataclass(frozen=True, slots=True)
class ArmMarks:
    """One arm's runs in the order of the seeds; None with a seed that it is not planned with."""

    name: str
    marks: tuple[Mark | None, ...]
    note: str = ""

    def num(self, mark: Mark) -> int:
        """How many of its runs are in this state."""
        return self.marks.count(mark)

    @property
    def num_planned(self) -> int:
        """How many runs it has."""
        return len(self.marks) - self.marks.count(None)

    @property
    def whole(self) -> Mark | None:
        """The state that all its runs are in, or None."""
        kinds: set[Mark] = {mark for mark in self.marks if mark is not None}
        return kinds.pop() if len(kinds) == 1 else None


def marks_of(done: Completeness, arms: Iterable[str], seeds: Sequence[int]) -> list[ArmMarks]:
    """The arms of a study as its records have them, which do not know what runs just now.

    Args:
        done: what became of each arm and seed.
        arms: in the order to show.
        seeds: every one that any arm is planned with.
    """
    states: dict[tuple[str, int], Mark] = {(cell.arm, cell.seed): cell.state for cell in done.cells}
    return [ArmMarks(arm, tuple(states.get((arm, seed)) for seed in seeds)) for arm in arms]


def grid_lines(rows: Sequence[ArmMarks], width: int, max_lines: int | None = None, plain: bool = False) -> list[str]:
    """The arms side by side, as many as the width holds.

    Args:
        rows: in the order to show.
        width: columns of the terminal.
        max_lines: None: as many as it takes. Else the arms with a failed or a running run are kept, then the first
            of the others, and the rest become one character each.
        plain: ASCII only, for a terminal that has no other characters.
    """
    if not rows:
        return []
    signs = PLAIN_MARKS if plain else MARKS
    layout = _Layout.of(rows, width, signs)
    if max_lines is None or math.ceil(len(rows) / layout.per_line) <= max_lines:
        return layout.lines(rows)
    kept = _most_telling(rows, max(1, max_lines - _strip_lines(len(rows), width)) * layout.per_line)
    rest = [row for position, row in enumerate(rows) if position not in kept]
    return layout.lines([rows[position] for position in sorted(kept)]) + _strip(rest, width, signs)


def legend(shown: Sequence[ArmMarks], plain: bool = False) -> str:
    """What the marks in use mean."""
    signs = PLAIN_MARKS if plain else MARKS
    used: list[Mark] = [mark for mark in MARKS if any(row.num(mark) for row in shown)]
    return ", ".join(f"{signs[mark]} {MEANING[mark]}" for mark in used)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Widths that all arms share, so that marks stand below each other."""

    name: int
    marks: int
    note: int
    per_line: int
    signs: dict[Mark, str]

    @classmethod
    def of(cls, rows: Sequence[ArmMarks], width: int, signs: dict[Mark, str]) -> "_Layout":
        name = min(MAX_NAME, max(len(row.name) for row in rows))
        marks = max(len(_marks_text(row, signs)) for row in rows)
        note = max(len(row.note) for row in rows)
        each = name + 1 + marks + (2 + note if note else 0)
        return cls(name, marks, note, max(1, (width + len(GAP)) // (each + len(GAP))), signs)

    def lines(self, rows: Sequence[ArmMarks]) -> list[str]:
        """Column by column, as a list is read."""
        height = math.ceil(len(rows) / self.per_line)
        return [GAP.join(self._cell(row) for row in rows[line::height]).rstrip() for line in range(height)]

    def _cell(self, row: ArmMarks) -> str:
        note = f"  {row.note:<{self.note}}" if self.note else ""
        return f"{_cut(row.name):<{self.name}} {_marks_text(row, self.signs):<{self.marks}}{note}"


def _marks_text(row: ArmMarks, signs: dict[Mark, str]) -> str:
    if len(row.marks) <= MAX_MARKS:
        return "".join(" " if mark is None else signs[mark] for mark in row.marks)
    others = "".join(f" {signs[mark]}{row.num(mark)}" for mark in TROUBLE if row.num(mark))
    return f"{signs['finished']}{row.num('finished')}/{row.num_planned}{others}"


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 2]}.."


def _most_telling(rows: Sequence[ArmMarks], room: int) -> set[int]:
    """Positions of as many as there is room for: with a failure first, then running, then any."""

    def rank(row: ArmMarks) -> int:
        if row.num("failed") or row.num("blocked"):
            return 0
        return 1 if row.num("running") else 2

    return set(sorted(range(len(rows)), key=lambda position: (rank(rows[position]), position))[:room])


def _strip_lines(num_rows: int, width: int) -> int:
    return 1 + math.ceil(num_rows / width)


def _strip(rows: Sequence[ArmMarks], width: int, signs: dict[Mark, str]) -> list[str]:
    """The other arms as one character each; `~` where their runs differ in state."""
    line = "".join("~" if row.whole is None else signs[row.whole] for row in rows)
    head = f"{len(rows)} more arms, a character each (~ partly):"
    return [head, *(line[at : at + width] for at in range(0, len(line), width))]
