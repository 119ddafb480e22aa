"""What every page is made from and how it is put on the disk: templates, styles, one whole file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> Template:
    """A page's template. What comes from data is escaped, and a name that nobody gives is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def styles(*names: str) -> Markup:
    """These style sheets, one after the other, to stand in the page."""
    return Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names))


def write_page(text: str, out: Path) -> Path:
    """Put a page there whole, replacing an older one. Returns the path written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)  # a reader never meets half a page
    finally:
        partial.unlink(missing_ok=True)
    return out
