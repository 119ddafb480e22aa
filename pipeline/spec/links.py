"""How a stage refers to an earlier one."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import Frozen


class StageRef(Frozen):
    """An earlier stage of the same trial, by name. Its content hash becomes part of this stage's identity."""

    stage: str


Part = Literal["all", "backbone"]
"""Which weights to take: every one, or all but the classifier's, which then starts at random."""


class Scratch(Frozen):
    """Random initial weights."""

    kind: Literal["scratch"] = "scratch"


class FromStage(Frozen):
    """Start from the final weights of an earlier stage."""

    kind: Literal["from_stage"] = "from_stage"
    stage: str
    part: Part = "all"


class FromFile(Frozen):
    """Start from the weights in a file: a state dict of torch, or safetensors."""

    kind: Literal["from_file"] = "from_file"
    path: str = Field(min_length=1)
    part: Part = "all"
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="of the file; filled in when planning, or pinned by hand"
    )


class Pretrained(Frozen):
    """Start from the weights that timm offers for the network. The planner fetches them, and writes `from_file`."""

    kind: Literal["pretrained"] = "pretrained"
    tag: str | None = Field(None, description="which of timm's weights, e.g. a1_in1k; default: timm's own choice")
    part: Part = "backbone"


AnyInit = Annotated[Scratch | FromStage | FromFile | Pretrained, Field(discriminator="kind")]
