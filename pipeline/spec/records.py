"""What a finished or failed training run leaves behind. Reports read only these.

On disk, below the home:

    records.jsonl                    one RunRecord a line; the source of truth (append, fsync)
    timings.jsonl                    one TimingRecord a line
    final_scores.jsonl               one FinalScore a line, when `ablate report --final` was asked for
    runs/<run key>/spec.json         the resolved stage
    runs/<run key>/curves.json       Curves
    runs/<run key>/predictions.npz   arrays of PREDICTION_FIELDS for each role, named "<role>/<field>"
    runs/<run key>/batches.webp      the first training batch of each image size as the network got it
    runs/<run key>/batches.json      BatchSheets (pipeline/spec/pictures.py): what stands where on it
    runs/<run key>/explain.npz       arrays of HEAT_FIELDS: where the evidence for some predictions lies
    runs/<run key>/log.txt           the tail of the stage's own log
    runs/<run key>/model.pt          final weights (removable; never part of a report)
    studies/<study>/plan.json        StudyPlan
    studies/<study>/report.html
    thumbnails/<fingerprint>.npz     small pictures of validation images (pipeline/data/thumbnails.py)

Runs from before there was batches.webp have one sheet, batches.png.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen

PREDICTION_FIELDS = ("label", "predicted", "confidence", "true_class_prob", "top5_hit", "brier")
"""Per sample; the sample ids, as text, are under "<role>/id"."""

HEAT_FIELDS = ("id", "label", "predicted", "confidence", "heat", "crop_frac")
"""Of a sample of `val`: `heat` is [n, h, w] uint8, 255 at most in each map, over the central `crop_frac` of the image's
short side. The maps are Grad-CAM's for the predicted class."""


def run_key(stage_hash: str, seed: int) -> str:
    """The identity of a run: 16 hex digits of its stage's content hash, and its seed."""
    return f"{stage_hash[:16]}-{seed}"


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"


class Failure(Frozen):
    """Why a run did not finish."""

    type: str
    message: str
    step: int | None = None
    attempts: int = 1
    log_tail: str = ""


class Cost(Frozen):
    """What a run took. `busy_s` is wall time on a shared machine: it carries no verdict (see TimingRecord)."""

    samples_seen: int
    busy_s: float
    data_wait_s: float
    eval_s: float
    num_parameters: int
    num_workers: int
    num_epochs: int | None = Field(None, description="trained; fewer than the budget's after early stopping")
    micro_batches: int = Field(1, description="of a shard; more than 1 where a GPU's memory did not hold a whole one")
    forward_gflops: float | None = Field(None, description="of one image at the training size; multiply-add counts 2")
    bare_num_parameters: int | None = Field(None, description="of the same model without surgery by strategies")
    bare_gflops: float | None = Field(None, description="forward_gflops of the same model without surgery")


class Environment(Frozen):
    """Versions and hardware that numbers may depend on."""

    code_version: str
    python: str
    torch: str
    ray: str
    timm: str
    device: str
    threads_per_worker: int


class RunRecord(Frozen):
    """One stage trained with one seed."""

    schema_version: Literal[1] = 1
    stage_hash: str
    seed: int
    stage: str = Field(description="name of the stage in its trial: main, teacher ...")
    status: Status
    metrics: dict[str, float] = Field(
        default={},
        description="final values, named <role>/<metric>: val/top1, val/nll, train/loss ...; top1 in 0..1. Of a stage "
        "without labels: val/knn_top1, val/probe_top1, val/feature_spread, val/effective_rank",
    )
    cost: Cost | None = None
    environment: Environment
    data_fingerprint: str
    skipped_images: int = 0
    finished_at: str = Field(description="UTC, ISO 8601")
    failure: Failure | None = None
    warnings: tuple[str, ...] = Field((), description="what a reader must know about a run that finished")

    @model_validator(mode="after")
    def _failure_iff_failed(self) -> Self:
        if (self.failure is None) != (self.status is Status.FINISHED):
            raise ValueError("a failed record needs its failure, a finished one has none")
        return self

    @property
    def key(self) -> str:
        """Name of the run's folder."""
        return run_key(self.stage_hash, self.seed)


class Curves(Frozen):
    """One value per epoch, except `lr`: one per optimizer step (thinned to at most 500 points)."""

    epoch: tuple[int, ...] = ()
    elapsed_s: tuple[float, ...] = ()
    image_size_px: tuple[int, ...] = ()
    series: dict[str, tuple[float, ...]] = Field(default={}, description="train/loss, train/<term>, val/top1 ...")
    lr_step: tuple[int, ...] = ()
    lr: tuple[float, ...] = ()


class TimingRecord(Frozen):
    """Steps of one stage timed while no other lane works. Compare only rounds of one `block`."""

    schema_version: Literal[1] = 1
    block: str
    round: int
    stage_hash: str
    step_ms: float = Field(description="mean over the stage's plan of the median step at each image size")
    images_per_s: float
    peak_memory_mb: float | None = Field(description="of the device, or of the process on a CPU; None if unknown")
    environment: Environment


class FinalScore(Frozen):
    """A finished run's weights scored on `test`. Every reading is kept: a split read often is no test any more."""

    schema_version: Literal[1] = 1
    study: str
    arm: str
    stage_hash: str
    seed: int
    data_fingerprint: str
    read: int = Field(ge=1, description="how many times this data's test split had been read, this time included")
    read_at: str = Field(description="UTC, ISO 8601")
    num_samples: int
    metrics: dict[str, float] = Field(description="test/top1 ...; fractions in 0..1")


# How runs are named in MLflow. A study is an experiment; each unique (stage, seed) is one flat run in it.
TAG_STUDY = "ablate.study"
TAG_ARMS = "ablate.arms"
TAG_SEED = "ablate.seed"
TAG_HASH = "ablate.stage_hash"
TAG_STAGE = "ablate.stage"
TAG_KIND = "ablate.kind"  # "run", or "study" for the one run that holds plan.json and the report
TAG_STATUS = "ablate.status"

MetricName = Annotated[str, Field(pattern=r"^(top1|top5|balanced_accuracy|macro_f1|nll|brier|ece)$")]
HIGHER_IS_BETTER = {
    "top1": True, "top5": True, "balanced_accuracy": True, "macro_f1": True, "nll": False, "brier": False, "ece": False,
}  # fmt: skip
IN_POINTS = frozenset({"top1", "top5", "balanced_accuracy", "macro_f1", "ece"})
"""Metrics stored as fractions and shown as percentage points."""
