"""How a stage refers to an earlier one."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from pipeline.spec.base import ADDED_LATER, Frozen
from pipeline.spec.data import Colours
from pipeline.spec.model import AnyModel


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


class NetworkRef(Frozen):
    """A trained network that no stage of the trial makes: which one, and the weights in a file or of timm."""

    model: AnyModel
    weights: Annotated[FromFile | Pretrained, Field(discriminator="kind")]
    colours: Annotated[Colours | None, ADDED_LATER] = Field(
        None,
        description="what its images were normalized by; default: of pretrained weights what timm says of them, else "
        "as those of the student",
    )


TeacherRef = StageRef | NetworkRef
"""Who teaches: an earlier stage, or a network from outside."""


def as_tuple(teacher: TeacherRef | tuple[TeacherRef, ...]) -> tuple[TeacherRef, ...]:
    """One teacher, or an ensemble."""
    return teacher if isinstance(teacher, tuple) else (teacher,)


def stages_of(teacher: TeacherRef | tuple[TeacherRef, ...]) -> tuple[str, ...]:
    """Names of the earlier stages among the teachers."""
    return tuple(ref.stage for ref in as_tuple(teacher) if isinstance(ref, StageRef))


ConfigT = TypeVar("ConfigT", bound=Frozen)


def with_networks(config: ConfigT, change: Callable[[NetworkRef], NetworkRef]) -> ConfigT:
    """The config with each of its networks from outside changed, alone in a field or in a list."""

    def changed(value: Any) -> Any:
        if isinstance(value, NetworkRef):
            return change(value)
        return tuple(map(changed, value)) if isinstance(value, tuple) else value

    found = {name: changed(getattr(config, name)) for name in type(config).model_fields}
    return config.model_copy(update={name: v for name, v in found.items() if v != getattr(config, name)})


def networks_in(config: Frozen) -> tuple[NetworkRef, ...]:
    """The networks from outside that a config names."""
    found = [v for name in type(config).model_fields for v in _flat(getattr(config, name))]
    return tuple(value for value in found if isinstance(value, NetworkRef))


def _flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def is_unseen(weights: AnyInit) -> bool:
    """Whether these weights come from outside and nobody has looked at them: their sha256 is not known."""
    return isinstance(weights, Pretrained) or (isinstance(weights, FromFile) and weights.sha256 is None)


def headless(teacher: TeacherRef | tuple[TeacherRef, ...]) -> str | None:
    """Why these cannot name classes, and what to change; None where they can."""
    for ref in as_tuple(teacher):
        if isinstance(ref, NetworkRef) and ref.weights.part != "all":
            return (
                "the teacher would start with a random classifier; set teacher.weights.part: all (its classes must be "
                "the data's, in their order), or train it in a stage"
            )
    return None
