"""What the report says beyond the verdicts, as typed values: images, confidence, speed and what is worth its cost."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context
from reports.results.effect import CostRatio
from reports.results.half_normal import HalfNormalAnalysis
from reports.results.interactions import InteractionAnalysis
from reports.results.orders import ShareAnalysis, StackAnalysis
from reports.results.power import PowerAnalysis
from reports.results.ranges import Range
from reports.results.seed_pairs import SeedPairs
from reports.results.seen import SeenAnalysis
from reports.results.stages import StageGraph
from reports.results.study import Analysis


class SeedFlips(Frozen):
    """Images whose answer changed between the two arms' runs with one seed."""

    seed: int
    fixed: int = Field(description="wrong in the reference, right in the treatment")
    broken: int
    p: float = Field(description="McNemar's, exact: about these two checkpoints")


class ExampleEffect(Frozen):
    """One planned comparison, image by image. Where it is not assessed, only the names are filled."""

    factor: str
    context: Context
    treatment: str
    reference: str
    control: bool
    not_assessed: str = Field("", description="why; empty where it is")
    num_images: int = 0
    seeds: tuple[SeedFlips, ...] = ()
    fixed: int = Field(0, description="over all seeds")
    broken: int = 0
    p: float | None = Field(None, description="McNemar's over all seeds: about these checkpoints")
    difference: float | None = Field(None, description="of accuracy, points: treatment minus reference")
    ci95: Range | None = Field(None, description="points; widened by the overdispersion")
    p_widened: float | None = Field(None, description="with the variance times max(1, phi); None at one seed")
    reference_flips: float | None = Field(None, description="images that differ between two seeds of the reference")
    treatment_flips: float | None = Field(None, description="the same of the treatment; mean over pairs of seeds")
    sentence: str = ""


class ClassDifference(Frozen):
    """How one comparison changed the accuracy on one class: exploratory."""

    factor: str
    context: Context
    class_name: str
    num_images: int
    difference: float = Field(description="points: treatment minus reference, mean over seeds")
    ci95: Range | None
    p: float
    q: float = Field(description="Benjamini and Hochberg's over all classes of all comparisons")
    phi: float = Field(description="overdispersion of runs of one arm within this class")


class ExampleAnalysis(Frozen):
    """What the stored predictions say."""

    phi: float | None = Field(description="overdispersion of runs of one arm, pooled; None: unknown")
    phi_limit: float | None = Field(description="what phi stays below in 95% of studies without run-to-run difference")
    phi_df: int
    checkpoints_only: bool = Field(description="whether McNemar's p says nothing about the strategies")
    sentence: str
    effects: tuple[ExampleEffect, ...]
    classes: tuple[ClassDifference, ...] = Field(description="smallest p first")


class ReliabilityBin(Frozen):
    """An equal-mass bin of confidence, averaged over seeds; fractions in 0..1."""

    confidence: float
    accuracy: float
    ci95: Range = Field(description="Wilson's, for the images of one seed")
    count: int


class ArmCalibration(Frozen):
    """One arm's confidence against what came true; means over seeds. ECE in points."""

    arm: str
    num_seeds: int
    num_images: int
    confidence: float = Field(description="mean stated, points")
    accuracy: float = Field(description="points")
    ece: float = Field(description="equal-width bins")
    ece_null: float = Field(description="of a perfectly calibrated model with these confidences")
    ece_mass: float = Field(description="equal-mass bins")
    ece_mass_null: float
    debiased_squared_l2: float = Field(description="equal-mass bins, fractions squared; may be below 0")
    nll: float | None
    brier: float | None
    temperature: float | None = Field(description="where one was fitted")
    bins: tuple[ReliabilityBin, ...]


class TemperatureChange(Frozen):
    """An arm without and one with a fitted temperature; ECE in points, equal-width bins."""

    factor: str
    context: Context
    before: str
    after: str
    temperature: float
    ece_before: float
    ece_after: float


class CalibrationAnalysis(Frozen):
    """Calibration of every arm that left predictions."""

    num_bins: int
    arms: tuple[ArmCalibration, ...]
    temperatures: tuple[TemperatureChange, ...]
    comparable: bool = Field(description="whether all arms have equally many images: ECE depends on it")


class ArmSpeed(Frozen):
    """When the runs of one arm reached the target."""

    arm: str
    epochs: dict[int, float | None] = Field(description="seed -> epochs; None: not reached")
    restricted_epochs: float | None = Field(description="mean up to the horizon; None without curves")
    epoch_s: float | None = Field(description="an epoch's steps at the speed of the exclusive block; None: not timed")
    horizon: int = Field(description="epochs that every arm was trained for")

    @property
    def num_reached(self) -> int:
        """Seeds that reached the target."""
        return sum(epochs is not None for epochs in self.epochs.values())

    @property
    def restricted_s(self) -> float | None:
        """The restricted mean in seconds of the exclusive block."""
        if self.restricted_epochs is None or self.epoch_s is None:
            return None
        return self.restricted_epochs * self.epoch_s


class SpeedRatio(Frozen):
    """Time to the target of one arm over another's; only where every seed of both reached it."""

    factor: str
    context: Context
    treatment: str
    reference: str
    not_assessed: str = ""
    epochs: float | None = None
    epochs_ci95: Range | None = None
    seconds: float | None = Field(None, description="in the exclusive block; None: not timed together")
    seconds_ci95: Range | None = None


class Throughput(Frozen):
    """One arm in the exclusive timing block."""

    arm: str
    images_per_s: float
    ratio: CostRatio | None = Field(description="throughput over bare's")
    peak_memory_mb: float | None
    memory_ratio: float | None = Field(description="over bare's")


class SpeedAnalysis(Frozen):
    """Time to the target, and throughput and memory apart from it."""

    target: float | None
    not_assessed: str = Field("", description="why there is no time to the target")
    arms: tuple[ArmSpeed, ...] = ()
    ratios: tuple[SpeedRatio, ...] = ()
    throughput: tuple[Throughput, ...] = ()


class ParetoPoint(Frozen):
    """One arm's cost and level."""

    arm: str
    value: float = Field(description="the metric, display units")
    value_ci95: Range | None
    cost: float = Field(description="training time over the reference arm's")
    cost_ci95: Range | None
    num_failed: int = Field(description="runs; the level is conditional on success")
    on_front: bool = Field(description="of the estimates as they stand")
    p_front: float | None = Field(description="probability of being on the front; None: unknown")
    dominated_by: tuple[str, ...] = Field(default=(), description="with at least 95% probability")

    @property
    def mark(self) -> Literal["solid", "hollow", "faint"]:
        """Solid from 95%, hollow from 50%, else faint; hollow where only the estimates are known."""
        if self.p_front is None:
            return "hollow" if self.on_front else "faint"
        return "solid" if self.p_front >= 0.95 else "hollow" if self.p_front >= 0.5 else "faint"


class ParetoAnalysis(Frozen):
    """Which arms no other beats in both level and training time."""

    reference: str = Field(description="arm whose cost is 1")
    block: str
    points: tuple[ParetoPoint, ...]
    left_out: tuple[str, ...] = ()
    sentence: str


class InDepth(Analysis):
    """The analysis with everything behind the verdicts, and what needs predictions and curves."""

    examples: ExampleAnalysis | None
    calibration: CalibrationAnalysis | None
    speed: SpeedAnalysis
    pareto: ParetoAnalysis | None
    seen: SeenAnalysis
    interactions: InteractionAnalysis | None = Field(description="of pairs; None: no interaction was planned")
    stack: StackAnalysis | None = Field(description="None: nothing was added one after another")
    shares: ShareAnalysis | None = Field(description="None: no shares of the gain were planned")
    power_curve: PowerAnalysis | None = Field(description="None while the spread over seeds is unknown")
    half_normal: HalfNormalAnalysis | None = Field(description="None: the design is no screen or fraction")
    stages: StageGraph
    seed_pairs: tuple[SeedPairs, ...] = Field(description="of every comparison of two arms")
