"""The catalogue of strategies. The order of the union is the order of application."""

from typing import Annotated, get_args

from pydantic import Field

from pipeline.strategies.base import StrategyConfig
from pipeline.strategies.bce import BceConfig
from pipeline.strategies.class_weights import ClassWeightsConfig
from pipeline.strategies.cutmix import CutmixConfig
from pipeline.strategies.custom import CustomConfig
from pipeline.strategies.distill import DistillConfig
from pipeline.strategies.early_stopping import EarlyStoppingConfig
from pipeline.strategies.ema import EmaConfig
from pipeline.strategies.focal import FocalConfig
from pipeline.strategies.label_noise import LabelNoiseConfig
from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.mixup_or_cutmix import MixupOrCutmixConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig
from pipeline.strategies.swa import SwaConfig
from pipeline.strategies.temperature_scaling import TemperatureScalingConfig
from pipeline.strategies.tta import TtaConfig

AnyStrategy = Annotated[
    PlaceboConfig
    | LabelNoiseConfig
    | ProgressiveResizingConfig
    | BceConfig
    | FocalConfig
    | ClassWeightsConfig
    | LabelSmoothingConfig
    | MixupConfig
    | CutmixConfig
    | MixupOrCutmixConfig
    | DistillConfig
    | CustomConfig
    | EmaConfig
    | SwaConfig
    | EarlyStoppingConfig
    | TtaConfig
    | TemperatureScalingConfig,
    Field(discriminator="kind"),
]

CATALOGUE: dict[str, type[StrategyConfig]] = {
    config.model_fields["kind"].default: config for config in get_args(get_args(AnyStrategy)[0])
}
