"""The catalogue of strategies. The order of the union is the order of application."""

from typing import Annotated, get_args

from pydantic import Field

from pipeline.strategies.base import StrategyConfig
from pipeline.strategies.custom import CustomConfig
from pipeline.strategies.distill import DistillConfig
from pipeline.strategies.label_noise import LabelNoiseConfig
from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig

AnyStrategy = Annotated[
    PlaceboConfig
    | LabelNoiseConfig
    | ProgressiveResizingConfig
    | LabelSmoothingConfig
    | MixupConfig
    | DistillConfig
    | CustomConfig,
    Field(discriminator="kind"),
]

CATALOGUE: dict[str, type[StrategyConfig]] = {
    config.model_fields["kind"].default: config for config in get_args(get_args(AnyStrategy)[0])
}
