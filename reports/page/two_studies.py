"""The page about two studies: one offline file, as that about one."""

from pathlib import Path

from reports.formats.two_studies import progress_text, remarks, tables, title, warnings
from reports.page.files import styles, template, write_page
from reports.results.two_studies import TwoStudies


def write_two_studies(two: TwoStudies, out: Path) -> Path:
    """Write the page, replacing an older one. Returns the path written."""
    return write_page(render_two_studies(two), out)


def render_two_studies(two: TwoStudies) -> str:
    """The page as text."""
    return template("two_studies.html.j2").render(
        title=title(two),
        style=styles("report.css"),
        sides=[progress_text(side) for side in (two.first, two.second)],
        warnings=warnings(two),
        tables=tables(two),
        remarks=remarks(two),
    )
