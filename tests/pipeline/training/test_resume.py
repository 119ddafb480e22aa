import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.contract.trained import PowerCut, check_resume_of, expect_same_run, weights_of
from pipeline.data.handle import DataHandle
from pipeline.result import StageResult
from pipeline.spec.optim import OPTIMIZERS
from pipeline.strategies import CATALOGUE
from pipeline.training import loop
from pipeline.training.job import StageJob
from pipeline.training.setup import build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, example, train_alone
from tests.pipeline.training.teachers import job_in

AUGMENTED = (
    *("data_fraction", "class_balanced_sampling", "repeated_augmentation", "gradual_augmentation", "rotation"),
    *("rand_augment", "color_jitter", "blur", "random_erasing", "mixup"),
)
TOGETHER = (
    *("placebo", "label_noise", "progressive_resizing", "bce", "class_weights", "label_smoothing", "mixup"),
    *("ema", "tta", "temperature_scaling"),
)
SURGERY = ("blur_pool", "depthwise_separable", "squeeze_excite", "normalization", "gem_pooling", "arcface")
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
    **{kind: Subject.of(kind).stage() for kind in CATALOGUE},
    "larger batches of smaller images": digits_stage(
        {"kind": "progressive_resizing", "from_px": 8, "batch": "by_pixels", "shape": "steps", "num_steps": 1}
    ),
    "augmentations together": digits_stage(*(example(kind) for kind in AUGMENTED)),
    "several together": digits_stage(*(example(kind) for kind in TOGETHER)),
    "all surgery together": digits_stage(*(example(kind) for kind in SURGERY), {"kind": "temperature_scaling"}),
}


@pytest.mark.parametrize("name", STAGES)
def test_interrupted_and_resumed_is_never_interrupted(lab: Lab, name: str) -> None:
    check_resume_of(STAGES[name], lab)


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
    expect_same_run(cut_job, train_alone(cut_job, digits), whole_job, whole)


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
