"""The catalogue of strategies. The order of the union is the order of application."""

from typing import Annotated, get_args

from pydantic import Field

from pipeline.strategies.adaptive_clip import AdaptiveClipConfig
from pipeline.strategies.alternating_flip import AlternatingFlipConfig
from pipeline.strategies.arcface import ArcFaceConfig
from pipeline.strategies.aug_mix import AugMixConfig
from pipeline.strategies.auto_augment import AutoAugmentConfig
from pipeline.strategies.base import StrategyConfig
from pipeline.strategies.bce import BceConfig
from pipeline.strategies.blur import BlurConfig
from pipeline.strategies.blur_pool import BlurPoolConfig
from pipeline.strategies.class_balanced_sampling import ClassBalancedSamplingConfig
from pipeline.strategies.class_weights import ClassWeightsConfig
from pipeline.strategies.clip_norm import ClipNormConfig
from pipeline.strategies.clip_value import ClipValueConfig
from pipeline.strategies.color_jitter import ColorJitterConfig
from pipeline.strategies.cosface import CosFaceConfig
from pipeline.strategies.custom import CustomConfig
from pipeline.strategies.cutmix import CutmixConfig
from pipeline.strategies.cutout import CutoutConfig
from pipeline.strategies.data_fraction import DataFractionConfig
from pipeline.strategies.depthwise_separable import DepthwiseSeparableConfig
from pipeline.strategies.discriminative_lr import DiscriminativeLrConfig
from pipeline.strategies.distill import DistillConfig
from pipeline.strategies.early_stopping import EarlyStoppingConfig
from pipeline.strategies.ema import EmaConfig
from pipeline.strategies.feature_hint import FeatureHintConfig
from pipeline.strategies.fixmatch import FixMatchConfig
from pipeline.strategies.focal import FocalConfig
from pipeline.strategies.frozen_backbone import FrozenBackboneConfig
from pipeline.strategies.gem_pooling import GemPoolingConfig
from pipeline.strategies.gradual_augmentation import GradualAugmentationConfig
from pipeline.strategies.gradual_unfreezing import GradualUnfreezingConfig
from pipeline.strategies.grayscale import GrayscaleConfig
from pipeline.strategies.hard_distill import HardDistillConfig
from pipeline.strategies.label_noise import LabelNoiseConfig
from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.layer_decay import LayerDecayConfig
from pipeline.strategies.lookahead import LookaheadConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.mixup_or_cutmix import MixupOrCutmixConfig
from pipeline.strategies.no_decay import NoDecayConfig
from pipeline.strategies.normalization import NormalizationConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig
from pipeline.strategies.pseudo_labels import PseudoLabelsConfig
from pipeline.strategies.rand_augment import RandAugmentConfig
from pipeline.strategies.random_erasing import RandomErasingConfig
from pipeline.strategies.repeated_augmentation import RepeatedAugmentationConfig
from pipeline.strategies.rerun import RerunConfig
from pipeline.strategies.rotation import RotationConfig
from pipeline.strategies.sam import SamConfig
from pipeline.strategies.squeeze_excite import SqueezeExciteConfig
from pipeline.strategies.swa import SwaConfig
from pipeline.strategies.temperature_scaling import TemperatureScalingConfig
from pipeline.strategies.trivial_augment import TrivialAugmentConfig
from pipeline.strategies.tta import TtaConfig
from pipeline.strategies.vertical_flip import VerticalFlipConfig
from pipeline.strategies.zero_init_residual import ZeroInitResidualConfig

AnyStrategy = Annotated[
    PlaceboConfig
    | RerunConfig
    | DataFractionConfig
    | LabelNoiseConfig
    | PseudoLabelsConfig  # behind those that choose and spoil true labels, before those that count or blend labels
    | ClassBalancedSamplingConfig
    | RepeatedAugmentationConfig
    | AlternatingFlipConfig
    | GradualAugmentationConfig
    | ProgressiveResizingConfig
    | VerticalFlipConfig
    | RotationConfig
    | ColorJitterConfig
    | GrayscaleConfig
    | BlurConfig
    | AutoAugmentConfig
    | RandAugmentConfig
    | TrivialAugmentConfig
    | AugMixConfig
    | RandomErasingConfig
    | CutoutConfig
    | BlurPoolConfig
    | DepthwiseSeparableConfig
    | SqueezeExciteConfig
    | ZeroInitResidualConfig  # before the norms it looks for may be gone
    | NormalizationConfig
    | GemPoolingConfig
    | BceConfig
    | FocalConfig
    | ClassWeightsConfig
    | LabelSmoothingConfig
    | MixupConfig
    | CutmixConfig
    | MixupOrCutmixConfig
    | ArcFaceConfig  # changes the logits that the losses above see, and not those that a teacher is compared with
    | CosFaceConfig
    | DistillConfig
    | HardDistillConfig
    | FeatureHintConfig
    | CustomConfig
    | FixMatchConfig  # the last to wrap the loss: those above see the logits of labelled images only
    | FrozenBackboneConfig
    | GradualUnfreezingConfig
    | NoDecayConfig
    | LayerDecayConfig
    | DiscriminativeLrConfig
    | LookaheadConfig
    | SamConfig
    | ClipValueConfig
    | ClipNormConfig
    | AdaptiveClipConfig
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
