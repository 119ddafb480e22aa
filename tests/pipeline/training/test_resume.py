import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.result import StageResult
from pipeline.spec.optim import OPTIMIZERS
from pipeline.strategies import CATALOGUE
from pipeline.training import checkpoint, loop
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport
from pipeline.training.setup import build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, example, stage_for, train_alone
from tests.pipeline.training.teachers import job_in

TOGETHER = ("placebo", "label_noise", "progressive_resizing", "label_smoothing", "mixup")
AUGMENTED = (
    *("data_fraction", "class_balanced_sampling", "repeated_augmentation", "gradual_augmentation", "rotation"),
    *("rand_augment", "color_jitter", "blur", "random_erasing", "mixup"),
)
STAGES = {
    "bare": digits_stage(),
    "adamw, cosine": digits_stage(
        optimizer={"kind": "adamw"}, schedule={"kind": "cosine", "warmup_epochs": 1}, model={"kind": "small_cnn"}
    ),
    "two shards": digits_stage(budget={"epochs": 3, "batch_size": 64, "num_shards": 2}),
    "dropout": digits_stage(model={"kind": "small_cnn", "width": 4, "drop_rate": 0.5}),
    "bf16": digits_stage(precision="bf16"),
    "one cycle": digits_stage(schedule={"kind": "one_cycle"}),
    # No gain is large enough, so the rate drops after the second epoch: but only for who remembers the first.
    "plateau": digits_stage(schedule={"kind": "plateau", "patience": 0, "min_delta": 10.0}),
    **{kind: digits_stage(optimizer=config.example().model_dump(mode="json")) for kind, config in OPTIMIZERS.items()},
    **{kind: stage_for(kind, example(kind)) for kind in CATALOGUE},
    "larger batches of smaller images": digits_stage(
        {"kind": "progressive_resizing", "from_px": 8, "batch": "by_pixels", "shape": "steps", "num_steps": 1}
    ),
    "augmentations together": digits_stage(*(example(kind) for kind in AUGMENTED)),
    "several together": digits_stage(*(example(kind) for kind in TOGETHER)),
}


class PowerCut(Exception):
    """What no code expects."""


def stop_at(epoch: int) -> Any:
    def watch(report: EpochReport) -> None:
        if report.epoch == epoch:
            raise PowerCut

    return watch


def weights_of(job: StageJob) -> dict[str, torch.Tensor]:
    return checkpoint.load(job.model_path(job.key), torch.device("cpu"))["model"]


def assert_same(job: StageJob, result: StageResult, other_job: StageJob, other: StageResult) -> None:
    assert result.record.metrics == other.record.metrics
    assert result.curves.series == other.curves.series
    assert (result.curves.lr, result.curves.image_size_px) == (other.curves.lr, other.curves.image_size_px)
    for name, column in other.predictions.items():
        np.testing.assert_array_equal(result.predictions[name], column, err_msg=name)
    for name, value in weights_of(other_job).items():
        assert torch.equal(weights_of(job)[name], value), name
    assert result.record.cost is not None and other.record.cost is not None
    assert result.record.cost.samples_seen == other.record.cost.samples_seen


@pytest.mark.parametrize("name", STAGES)
def test_interrupted_and_resumed_is_never_interrupted(
    digits: DataHandle, teacher: StageJob, tmp_path: Path, name: str
) -> None:
    """Also shows that two runs of one stage are bit-identical: the first epoch is trained twice."""
    whole_job, cut_job = (job_in(tmp_path / folder, STAGES[name], teacher) for folder in ("whole", "cut"))
    whole = train_alone(whole_job, digits)
    with pytest.raises(PowerCut):
        train_alone(cut_job, digits, stop_at(2))
    assert checkpoint.load(cut_job.checkpoint, torch.device("cpu"))["epoch"] == 1
    torch.manual_seed(12345)  # nothing may depend on where the global generator stands
    epochs: list[int] = []
    resumed = train_alone(cut_job, digits, lambda report: epochs.append(report.epoch))
    assert epochs == [2, 3]
    assert "resumed after epoch 1" in resumed.log
    assert_same(cut_job, resumed, whole_job, whole)


def test_a_cut_after_the_last_epoch(
    digits: DataHandle, teacher: StageJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is not written yet, so the stage is trained again from its checkpoint: one must be left to train."""
    whole_job, cut_job = (job_in(tmp_path / folder, digits_stage(), teacher) for folder in ("whole", "cut"))
    whole = train_alone(whole_job, digits)

    def cut(*_: object) -> StageResult:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(loop, "finished_result", cut)
        with pytest.raises(PowerCut):
            train_alone(cut_job, digits)
    assert_same(cut_job, train_alone(cut_job, digits), whole_job, whole)


def test_between_checkpoints_nothing_is_written(digits: DataHandle, teacher: StageJob, tmp_path: Path) -> None:
    job = job_in(tmp_path / "a", digits_stage(), teacher)
    train_alone(replace(job, checkpoint_interval_s=3600.0), digits)
    assert not job.checkpoint.exists()


def test_starting_weights_of_an_earlier_stage(digits: DataHandle, teacher: StageJob, tmp_path: Path) -> None:
    spec = digits_stage(model={"kind": "small_cnn", "width": 6}, init={"kind": "from_stage", "stage": "teacher"})
    setup = build_setup(job_in(tmp_path / "a", spec, teacher), digits, Team.alone())
    for name, value in setup.network.model.state_dict().items():
        assert torch.equal(value, weights_of(teacher)[name]), name


def test_a_teacher_whose_weights_are_gone(digits: DataHandle, teacher: StageJob, tmp_path: Path) -> None:
    job = job_in(tmp_path / "a", STAGES["distill"], teacher)
    job.model_path(teacher.key).unlink()
    with pytest.raises(Exception, match=r"is finished, but its weights .*model\.pt are gone; train it again"):
        train_alone(job, digits)


def test_the_stored_spec_decides_the_teachers_shape(teacher: StageJob) -> None:
    stored = json.loads((teacher.runs_dir / teacher.key / "spec.json").read_text())
    assert stored["model"]["width"] == 6 != STAGES["distill"].model.model_dump()["width"]
