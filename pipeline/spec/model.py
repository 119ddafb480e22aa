"""Which network to train."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import Frozen


class Timm(Frozen):
    """Any classifier of the timm library, by name, with a head for the data's classes."""

    kind: Literal["timm"] = "timm"
    name: str
    drop_rate: float = Field(0.0, ge=0, lt=1)
    drop_path_rate: float = Field(0.0, ge=0, lt=1)


class SmallCnn(Frozen):
    """Three convolutions with batch norm and global pooling: for demonstrations and tests."""

    kind: Literal["small_cnn"] = "small_cnn"
    width: int = Field(16, ge=2, le=512)
    drop_rate: float = Field(0.0, ge=0, lt=1)


AnyModel = Annotated[Timm | SmallCnn, Field(discriminator="kind")]
