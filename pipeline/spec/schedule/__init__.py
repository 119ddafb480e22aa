"""Learning-rate schedules: pure functions of time, each with its card."""

from typing import Annotated, get_args

from pydantic import Field

from pipeline.spec.schedule.base import Warmup
from pipeline.spec.schedule.cycles import CosineRestarts, OneCycle
from pipeline.spec.schedule.smooth import Constant, Cosine, Exponential, Linear, Polynomial
from pipeline.spec.schedule.steps import MultiStep, Plateau, Step, Wsd

AnySchedule = Annotated[
    Constant
    | Step
    | MultiStep
    | Exponential
    | Polynomial
    | Linear
    | Cosine
    | CosineRestarts
    | OneCycle
    | Plateau
    | Wsd,
    Field(discriminator="kind"),
]

SCHEDULES: dict[str, type[Warmup]] = {
    schedule.model_fields["kind"].default: schedule for schedule in get_args(get_args(AnySchedule)[0])
}
