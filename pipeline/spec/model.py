"""Which network to train."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from pipeline.spec.base import ADDED_LATER, Frozen
from pipeline.spec.errors import SpecError
from pipeline.spec.targets import source_hash


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
    img_size: Annotated[int | None, ADDED_LATER] = Field(
        None, ge=8, le=2048, description="pixels that a vision transformer is built for; default: its usual size"
    )
    patch_size: Annotated[int | None, ADDED_LATER] = Field(
        None, ge=2, le=64, description="side of a vision transformer's patches in pixels; default: its usual ones"
    )


class SmallCnn(Model):
    """Three convolutions with batch norm and global pooling: for demonstrations and tests."""

    kind: Literal["small_cnn"] = "small_cnn"
    width: int = Field(16, ge=2, le=512)
    drop_rate: float = Field(0.0, ge=0, lt=1)


class CustomModel(Model):
    """A network of the user's own: `build(num_classes, **options)` in a module of the current directory."""

    kind: Literal["custom"] = "custom"
    target: str = Field(description="package.module:builder, a callable (num_classes, **options) -> torch.nn.Module")
    options: dict[str, JsonValue] = Field(default={}, description="keyword arguments of the builder")
    source: str | None = Field(None, description="hash of the code, filled in: other code is another network")

    @model_validator(mode="after")
    def _know_the_source(self) -> Self:
        if self.source is None:
            object.__setattr__(self, "source", source_hash(self.target))  # still under construction
        return self


AnyModel = Annotated[Timm | SmallCnn | CustomModel, Field(discriminator="kind")]
