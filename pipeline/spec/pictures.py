"""What stands on the pictures that a run leaves for people, so that whoever shows them can cut and caption them."""

from pydantic import Field

from pipeline.spec.base import Frozen


class TargetShare(Frozen):
    """How much of a training target belongs to one class."""

    label: int = Field(ge=0, description="number of the class")
    weight: float


class SheetTile(Frozen):
    """One training image and what the loss was told about it."""

    targets: tuple[TargetShare, ...] = Field(description="classes that got more than the least, largest first")
    each_other: float = Field(0.0, description="what every class that is not named got: label smoothing gives some")


class BatchSheet(Frozen):
    """The first images of the first training batch of one size: a row of square tiles without gaps, from x = 0."""

    epoch: int
    image_size_px: int = Field(description="as the network got them")
    tile_px: int = Field(description="side of a tile in the picture; large images are shrunk")
    top_px: int = Field(description="where the row begins in the picture")
    tiles: tuple[SheetTile, ...]


class BatchSheets(Frozen):
    """One sheet for each image size that training used, one under the other in one picture."""

    width_px: int
    height_px: int
    sheets: tuple[BatchSheet, ...]
