"""Stages without labels in the one loop: resumed, shared by two ranks, blind to labels, and what starts from them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.contract.lab import Lab
from pipeline.contract.stages import prepared_here
from pipeline.contract.trained import check_resume_of, weights_of
from pipeline.contract.two_ranks import RankOutcome, expect_equal_ranks, expect_like_alone, train_on_two_ranks
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.index import TrainIndex
from pipeline.data.sources import scan
from pipeline.experiment import StageSpec
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.data import Digits
from pipeline.spec.errors import SpecError
from pipeline.strategies import CATALOGUE
from pipeline.training import examine
from pipeline.training.initial import initial_model
from pipeline.training.job import StageJob
from pipeline.training.setup import build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, stage_job, train_alone

CPU = torch.device("cpu")
TASKS: dict[str, dict[str, Any]] = {
    "simclr": {"task": {"kind": "simclr"}},
    "mae": {
        "task": {"kind": "mae", "patch_px": 4, "decoder_dim": 32, "decoder_depth": 1},
        "model": {"kind": "timm", "name": "test_vit", "img_size": 16, "patch_size": 4},
    },
    "simmim": {"task": {"kind": "simmim", "patch_px": 4}},
}


def pretraining(kind: str, *strategies: dict[str, Any], **changes: Any) -> StageSpec:
    return digits_stage(*strategies, name="pretrain", **(TASKS[kind] | changes))


@pytest.mark.parametrize("kind", TASKS)
def test_interrupted_and_resumed_is_never_interrupted(lab: Lab, kind: str) -> None:
    check_resume_of(pretraining(kind), lab)


SHARED = {
    **{kind: pretraining(kind, budget={"epochs": 2, "batch_size": 64, "num_shards": 2}) for kind in TASKS},
    "global": pretraining(
        "simclr",
        task={"kind": "simclr", "negatives": "global"},
        budget={"epochs": 2, "batch_size": 64, "num_shards": 2},
    ),
}


@pytest.fixture(scope="module")
def ranks(lab: Lab) -> list[dict[str, RankOutcome]]:
    """What each of two processes ended with."""
    return train_on_two_ranks(SHARED, lab)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_two_ranks_end_alike(ranks: list[dict[str, RankOutcome]], name: str) -> None:
    expect_equal_ranks(ranks[0][name], ranks[1][name])


@pytest.mark.slow
@pytest.mark.parametrize("kind", TASKS)
def test_the_number_of_workers_changes_sums_by_rounding_only(
    ranks: list[dict[str, RankOutcome]], lab: Lab, kind: str
) -> None:
    expect_like_alone(ranks[0][kind], SHARED[kind], lab)


@pytest.mark.slow
def test_global_negatives_are_more_to_tell_apart(ranks: list[dict[str, RankOutcome]]) -> None:
    """Of 64 images instead of 32: the loss of a network that knows nothing is log(127) instead of log(63)."""
    of_shard, of_batch = (ranks[0][name].series["train/nt_xent"][0] for name in ("simclr", "global"))
    assert of_batch - of_shard == pytest.approx(np.log(127 / 63), abs=0.15)


def test_global_negatives_cannot_be_had_from_one_worker_with_two_shards(lab: Lab) -> None:
    with pytest.raises(SpecError, match=r"task: .*each worker must hold one shard.*2 shards for 1 worker"):
        lab.train(SHARED["global"])


@pytest.mark.parametrize("kind", TASKS)
def test_labels_have_no_say(digits: DataHandle, tmp_path: Path, kind: str) -> None:
    """Other labels: the same weights, the same losses; only what judges by labels changes."""
    train = digits.train
    shifted = TrainIndex(train.rows, train.keys, (train.labels + 1) % 10, 10, train.pool)
    jobs = [stage_job(pretraining(kind), tmp_path / name) for name in ("true", "false")]
    results = [train_alone(job, data) for job, data in zip(jobs, (digits, replace(digits, train=shifted)), strict=True)]
    weights, others = map(weights_of, jobs)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    assert results[0].curves.series["train/loss"] == results[1].curves.series["train/loss"]
    assert results[0].record.metrics["val/knn_top1"] > results[1].record.metrics["val/knn_top1"]


def test_it_learns_from_the_pool_too(tmp_path: Path) -> None:
    spec = Digits(labeled_frac=0.5)
    (tmp_path / "pixels").mkdir()
    listing = scan(spec)
    data = make_handle(listing, prepared_here(spec, listing, tmp_path / "pixels"))
    num_train, num_pool = len(data.train.rows), len(data.pool.rows)
    assert num_pool > 100
    stages = {"simclr": pretraining("simclr"), "classify": digits_stage()}
    setups = {
        name: build_setup(stage_job(stage, tmp_path / name), data, Team.alone()) for name, stage in stages.items()
    }
    assert setups["classify"].num_steps == [num_train // 64] * 3
    assert setups["simclr"].num_steps == [(num_train + num_pool) // 64] * 3
    result = train_alone(stage_job(pretraining("simclr"), tmp_path / "run"), data)
    assert result.record.cost is not None
    assert result.record.cost.samples_seen == 3 * 64 * ((num_train + num_pool) // 64)


def after(folder: Path, digits: DataHandle, kind: str, **changes: Any) -> tuple[StageJob, StageJob]:
    """A trained pretraining stage with the file that the recorder leaves, and a stage that starts from its backbone."""
    spec = pretraining(kind)
    job = stage_job(spec, folder)
    train_alone(job, digits)
    (job.runs_dir / job.key / "spec.json").write_text(spec.model_dump_json())
    init = {"kind": "from_stage", "stage": "pretrain", "part": "backbone"}
    main = digits_stage(init=init, **({k: v for k, v in TASKS[kind].items() if k == "model"} | changes))
    return job, stage_job(main, folder, ancestors={"pretrain": job.key})


@pytest.mark.parametrize("kind", TASKS)
def test_the_next_stage_starts_from_the_backbone_and_nothing_of_the_head_is_kept(
    digits: DataHandle, tmp_path: Path, kind: str
) -> None:
    job, main = after(tmp_path, digits, kind)
    kept = weights_of(job)
    started = initial_model(main, 0, 10, CPU).state_dict()
    assert kept.keys() == started.keys(), "the plain network's names: no head of the task"
    same = {name for name in kept if torch.equal(kept[name], started[name])}
    other = {name.rpartition(".")[0] for name in kept.keys() - same}
    assert other <= {"head", "head.3"}
    assert json.loads(main.spec_json)["task"] == {"kind": "classify"}
    scratch = initial_model(stage_job(pretraining(kind), tmp_path / "s"), 0, 10, CPU).state_dict()
    moved = [name for name in kept if not torch.equal(kept[name], scratch[name])]
    assert len(moved) > len(kept) / 2, "and the backbone has learnt"


def test_what_is_recorded(digits: DataHandle, tmp_path: Path) -> None:
    result = train_alone(stage_job(pretraining("simclr"), tmp_path), digits)
    record, series = result.record, result.curves.series
    val = ["val/knn_top1", "val/feature_spread", "val/effective_rank"]
    assert [name for name in series if name.startswith("val/")] == val
    assert record.metrics["val/knn_top1"] == series["val/knn_top1"][-1]
    assert 0.5 < record.metrics["val/probe_top1"] <= 1, "ten digits, after three epochs"
    assert record.warnings == ()
    assert "val knn_top1 0." in result.log
    right = result.predictions["val/predicted"] == result.predictions["val/label"]
    assert right.mean() == pytest.approx(record.metrics["val/knn_top1"])


def test_a_collapse_is_said_in_log_and_record(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network whose last feature map is dead, as after a step that was far too large."""

    def dead(self: SmallCnnNet, images: torch.Tensor) -> torch.Tensor:
        return 0.0 * self.features(images) + 1.0

    monkeypatch.setattr(SmallCnnNet, "forward_features", dead)
    result = train_alone(stage_job(pretraining("simclr"), tmp_path), digits)
    assert result.log.count("COLLAPSED") == 3
    (warning,) = result.record.warnings
    assert "almost every image has the same features (spread 0.000 of 1, effective rank 1.00)" in warning
    assert result.record.metrics["val/effective_rank"] == pytest.approx(1.0)


def test_only_so_many_labelled_images_are_compared_with(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "NUM_REFERENCE", 50)
    job = stage_job(pretraining("simclr"), tmp_path)
    setup = build_setup(job, digits, Team.alone())
    reference, val = examine.examiner_of(job, digits, setup, Team.alone()).splits
    assert (reference.role, len(reference.rows), val.role) == ("reference", 50, "val")
    assert np.isin(reference.rows, digits.train.rows).all()
    by_row = dict(zip(digits.train.rows.tolist(), digits.train.labels.tolist(), strict=True))
    assert [by_row[row] for row in reference.rows.tolist()] == reference.labels.tolist()


ALLOWED = [kind for kind, config in CATALOGUE.items() if "simclr" in config.card.tasks]


@pytest.mark.parametrize("kind", ALLOWED)
def test_strategies_that_claim_to_work_without_labels_do(lab: Lab, kind: str) -> None:
    """They change the training (unless they say that they do not), and it can be resumed."""
    config = CATALOGUE[kind]
    changes = {"budget": {"epochs": 2, "batch_size": 64}} | config.setting()
    with_it = lab.train(pretraining("simclr", config.example().model_dump(mode="json"), **changes))
    without = lab.train(pretraining("simclr", **changes))
    losses, bare = (result.curves.series["train/loss"] for result in (with_it, without))
    spread, bare_spread = (result.curves.series["val/feature_spread"] for result in (with_it, without))
    assert all(np.isfinite(losses))
    alike = (losses, spread) == (bare, bare_spread)
    assert alike == config.example().changes_nothing


@pytest.mark.parametrize("kind", ["mixup", "label_smoothing", "arcface", "class_weights", "tta", "swa"])
def test_strategies_of_classification_are_refused(kind: str) -> None:
    config = CATALOGUE[kind].example().model_dump(mode="json")
    with pytest.raises(ValidationError, match=rf"{kind} is for stages of task classify, but stage 'pretrain' is of"):
        pretraining("simclr", config)


def test_a_schedule_that_looks_at_accuracy_is_refused() -> None:
    with pytest.raises(ValidationError, match="schedule plateau looks at val accuracy, and simclr has no classifier"):
        pretraining("simclr", schedule={"kind": "plateau", "patience": 0})
