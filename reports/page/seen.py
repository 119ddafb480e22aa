"""What the page shows of images: training batches, evidence, confusions, and what changed, ready for seen.html.j2."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.pictures import PictureBook
from reports.page.sheets import Sheet, batch_sheets
from reports.records.load import StudyData
from reports.results.in_depth import InDepth


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures and what to say about them; `book` holds each picture once and comes before them."""

    book: Markup
    sheets: tuple[Sheet, ...]


def seen_pictures(study: StudyData, analysis: InDepth) -> Seen:
    """Draw and caption."""
    book = PictureBook("picture")
    sheets = batch_sheets(study, book)
    return Seen(book.pages(), sheets)
