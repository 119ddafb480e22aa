"""Which network to train."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError


class Model(Frozen):
    """Fields of every network."""

    num_classes: int | None = Field(None, ge=2, description="outputs of the head; default: the data's classes")

    def head_size(self, data_classes: int) -> int:
        """Outputs of the head for data with this many classes.

        Raises:
            SpecError: the head is smaller than the data needs.
        """
        if self.num_classes is not None and self.num_classes < data_classes:
            raise SpecError(
                f"model.num_classes={self.num_classes}, but the data has {data_classes} classes; raise it, or "
                "leave it out"
            )
        return self.num_classes or data_classes


class Timm(Model):
    """Any classifier of the timm library, by name, with a head for the data's classes."""

    kind: Literal["timm"] = "timm"
    name: str
    drop_rate: float = Field(0.0, ge=0, lt=1)
    drop_path_rate: float = Field(0.0, ge=0, lt=1)


class SmallCnn(Model):
    """Three convolutions with batch norm and global pooling: for demonstrations and tests."""

    kind: Literal["small_cnn"] = "small_cnn"
    width: int = Field(16, ge=2, le=512)
    drop_rate: float = Field(0.0, ge=0, lt=1)


AnyModel = Annotated[Timm | SmallCnn, Field(discriminator="kind")]
