"""What the network saw: the first training batch of each image size of each arm, equal pictures shown once."""

from dataclasses import dataclass

from markupsafe import Markup

from pipeline.spec.pictures import BatchSheet, SheetTile
from pipeline.spec.study import StudyPlan
from reports.analysis.classes import class_name
from reports.page.pictures import Part, PictureBook, data_uri
from reports.records.load import StudyData
from reports.records.pictures import Batches, read_batches

LEAST_SHOWN = 0.005  # of a target: less is not seen in an image, and would round to 0


@dataclass(frozen=True, slots=True)
class CaptionedTile:
    """One training image, and what the loss was told about it."""

    svg: Markup
    target: str


@dataclass(frozen=True, slots=True)
class SizeRow:
    """The images of the first batch of one size."""

    heading: str
    tiles: tuple[CaptionedTile, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One picture and the arms that trained on exactly these pixels and targets."""

    arms: tuple[str, ...]
    rows: tuple[SizeRow, ...]
    whole: str = ""  # address of a picture that nothing is known about: an older version drew it
    alt: str = ""


def batch_sheets(study: StudyData, book: PictureBook) -> tuple[Sheet, ...]:
    """The sheets of the first seed, in the order of the plan."""
    arms_of: dict[Batches, list[str]] = {}
    for arm in study.plan.arms:
        batches = read_batches(study, (arm.final.stage_hash, study.plan.seeds[0]))
        if batches is not None:
            arms_of.setdefault(batches, []).append(arm.name)
    return tuple(_sheet(study.plan, book, batches, tuple(arms)) for batches, arms in arms_of.items())


def _sheet(plan: StudyPlan, book: PictureBook, batches: Batches, arms: tuple[str, ...]) -> Sheet:
    names, picture, sheets = ", ".join(arms), batches.picture, batches.sheets
    if sheets is None:
        return Sheet(arms, (), data_uri(picture), f"First training batch as seen by {names}")
    size = (sheets.width_px, sheets.height_px)

    def row(sheet: BatchSheet) -> SizeRow:
        heading = f"{sheet.image_size_px} px, from epoch {sheet.epoch + 1}"
        tiles = []
        for i, tile in enumerate(sheet.tiles):
            part = Part(i * sheet.tile_px, sheet.top_px, sheet.tile_px, sheet.tile_px)
            target = target_text(plan, tile)
            label = f"Training image {i + 1} of {names} at {sheet.image_size_px} px; target: {target}"
            tiles.append(CaptionedTile(book.show(picture, size, part, label), target))
        return SizeRow(heading, tuple(tiles))

    return Sheet(arms, tuple(row(sheet) for sheet in sheets.sheets))


def target_text(plan: StudyPlan, tile: SheetTile) -> str:
    """What the loss was told, such as "0.7 shirt + 0.3 dress", or the class alone where it got all."""
    shares = [(class_name(plan, share.label), share.weight) for share in tile.targets if share.weight >= LEAST_SHOWN]
    each = tile.each_other
    if len(shares) == 1 and shares[0][1] > 1 - LEAST_SHOWN and not each:
        return shares[0][0]
    parts = [f"{round(weight, 2):g} {_quoted(name)}" for name, weight in shares]
    if each:
        parts.append(f"{each:.2g} each other class" if shares else f"{each:.2g} every class")
    return " + ".join(parts) or "no target"


def _quoted(name: str) -> str:
    """A class may be named 7, and "0.9 7" is no share of it."""
    return f"“{name}”" if name[:1].isdigit() else name
