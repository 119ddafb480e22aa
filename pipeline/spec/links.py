"""How a stage refers to an earlier one."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import Frozen


class StageRef(Frozen):
    """An earlier stage of the same trial, by name. Its content hash becomes part of this stage's identity."""

    stage: str


class Scratch(Frozen):
    """Random initial weights."""

    kind: Literal["scratch"] = "scratch"


class FromStage(Frozen):
    """Start from the weights of an earlier stage."""

    kind: Literal["from_stage"] = "from_stage"
    stage: str


AnyInit = Annotated[Scratch | FromStage, Field(discriminator="kind")]
