"""A figure as the page shows it: the drawing, and the table that says the same in numbers."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.tables import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and its table twin."""

    svg: Markup
    twin: Table
