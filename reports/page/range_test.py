"""The page about a learning-rate range test."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.formats.range_test import PAPER, answer_lines
from reports.page.figures.range_curve import draw_range_test
from reports.page.html import TEMPLATES, write_page
from reports.results.range_test import RangeTest

STYLES = ("report.css", "figures.css")


def write_range_test(test: RangeTest, out: Path) -> Path:
    """Write its page, replacing an older one. Returns the path written."""
    return write_page(render_range_test(test), out)


def render_range_test(test: RangeTest) -> str:
    """The page as text."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("range_test.html.j2").render(
        t=test,
        style=Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in STYLES)),
        answer=answer_lines(test),
        paper=PAPER,
        curve=draw_range_test(test),
    )
