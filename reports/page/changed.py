"""The images that each factor fixed and broke in most seeds."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.evidence import whole_picture
from reports.page.pictures import PictureBook
from reports.records.pictures import Thumbnail
from reports.results.seen import ChangedImage, ChangedImages


@dataclass(frozen=True, slots=True)
class ChangedTile:
    """One image with what happened to it."""

    svg: Markup
    text: str
    seeds: str


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One factor's images."""

    factor: str
    context: str
    arms: str
    fixed: tuple[ChangedTile, ...]
    broken: tuple[ChangedTile, ...]
    num_fixed: int
    num_broken: int
    num_images: int


def draw_changed(
    found: tuple[ChangedImages, ...], thumbnails: dict[str, Thumbnail], book: PictureBook
) -> tuple[ChangedRow, ...]:
    """Each factor with its pictures, in the order of the plan."""

    def tiles(row: ChangedImages, images: tuple[ChangedImage, ...], verb: str, before: str) -> tuple[ChangedTile, ...]:
        return tuple(
            ChangedTile(
                svg=whole_picture(
                    thumbnails[image.id],
                    f"An image of {image.true_class} that {row.factor} {verb} in {image.num_seeds} of {row.num_seeds} "
                    f"seeds; {before} taken for {image.wrong_class}",
                    book,
                ),
                text=f"{image.true_class}, {before} {image.wrong_class}",
                seeds=f"{image.num_seeds}/{row.num_seeds}",
            )
            for image in images
        )

    return tuple(
        ChangedRow(
            factor=row.factor,
            context=row.context,
            arms=f"{row.treatment} against {row.reference}",
            fixed=tiles(row, row.fixed, "fixed", "before"),
            broken=tiles(row, row.broken, "broke", "now"),
            num_fixed=row.num_fixed,
            num_broken=row.num_broken,
            num_images=row.num_images,
        )
        for row in found
    )
