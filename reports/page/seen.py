"""What the page shows of images: training batches, evidence, confusions, and what changed, ready for seen.html.j2."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.changed import ChangedRow, draw_changed
from reports.page.evidence import ExampleGroup, draw_evidence
from reports.page.figures.confusion import ConfusionPanel, draw_confusion
from reports.page.pictures import PictureBook
from reports.page.sheets import Sheet, batch_sheets
from reports.page.tables import NONE, Table
from reports.records.load import StudyData
from reports.records.pictures import read_thumbnails
from reports.results.in_depth import InDepth
from reports.results.seen import ConfusionAnalysis, CountSpread


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures and what to say about them; `book` holds each picture once and comes before them."""

    book: Markup
    sheets: tuple[Sheet, ...]
    evidence: tuple[ExampleGroup, ...]
    changed: tuple[ChangedRow, ...]
    matrices: tuple[ConfusionPanel, ...]
    pairs: Table | None


def seen_pictures(study: StudyData, analysis: InDepth) -> Seen:
    """Draw and caption."""
    book, thumbnails = PictureBook("picture"), read_thumbnails(study)
    explained, confusion = analysis.seen.explained, analysis.seen.confusion
    sheets = batch_sheets(study, book)
    evidence = () if explained is None else draw_evidence(study, explained, thumbnails, book)
    changed = draw_changed(analysis.seen.changed, thumbnails, book)
    panels = () if confusion is None else _panels(confusion)
    pairs = pair_table(confusion) if confusion is not None and confusion.pairs else None
    return Seen(book.pages(), sheets, evidence, changed, panels, pairs)


def _panels(found: ConfusionAnalysis) -> tuple[ConfusionPanel, ...]:
    both = ((found.arms.reference, found.reference_counts), (found.arms.other, found.other_counts))
    drawn = (draw_confusion(arm, counts, found.class_names) for arm, counts in both)
    return tuple(panel for panel in drawn if panel is not None)


def pair_table(found: ConfusionAnalysis) -> Table:
    """The pairs that are confused most."""
    columns = ("images of", "taken for", "images", found.arms.reference, found.arms.other, "change")
    rows = tuple(
        (
            pair.true_class,
            pair.predicted_class,
            str(pair.num_images),
            _count_text(pair.reference),
            _count_text(pair.other),
            f"{pair.other.mean - pair.reference.mean:+.1f}",
        )
        for pair in found.pairs
    )
    return Table(columns, rows)


def _count_text(spread: CountSpread) -> str:
    """Mean and standard deviation over seeds, with the number of seeds."""
    sd = NONE if spread.sd is None else f"{spread.sd:.1f}"
    return f"{spread.mean:.1f} (sd {sd}, n={spread.n})"
