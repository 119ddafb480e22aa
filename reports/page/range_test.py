"""The page about a learning-rate range test."""

from pathlib import Path

from reports.formats.range_test import PAPER, answer_lines
from reports.page.figures.range_curve import draw_range_test
from reports.page.files import styles, template, write_page
from reports.results.range_test import RangeTest

STYLES = ("report.css", "figures.css")


def write_range_test(test: RangeTest, out: Path) -> Path:
    """Write its page, replacing an older one. Returns the path written."""
    return write_page(render_range_test(test), out)


def render_range_test(test: RangeTest) -> str:
    """The page as text."""
    return template("range_test.html.j2").render(
        t=test,
        style=styles(*STYLES),
        answer=answer_lines(test),
        paper=PAPER,
        curve=draw_range_test(test),
    )
