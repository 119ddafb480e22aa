"""Markdown that text from data cannot break."""

from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """Text for a cell or a paragraph: no new column, no new line, no HTML."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table: the head as it is, the cells escaped."""
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows),
    ]
